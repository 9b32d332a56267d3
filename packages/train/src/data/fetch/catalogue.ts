/** Data sets that `tempered data fetch` knows: addresses, hashes, and what is made of the files. */

/** One file to download. */
export interface RemoteFile {
  /** With `npm:` in front, a path at the npm registry, see `addressOf`. */
  readonly url: string
  /** Hex SHA-256; undefined where it is not known for certain. */
  readonly sha256: string | undefined
  /** What happens to it. */
  readonly to: FileUse
}

export type FileUse =
  /** Kept under this name. */
  | { readonly kind: 'keep'; readonly name: string }
  /** The .tar.gz is unpacked: these files of it, by their last name, are kept. */
  | { readonly kind: 'tar'; readonly names: RegExp }
  /** The .tar.gz is unpacked: images become `<class>/<prefix>-<name>`, with the classes that its index file names. */
  | {
      readonly kind: 'images'
      readonly index: string
      readonly prefix: string
      /** Class of each image by its file name; others are left out. */
      classes(index: unknown): ReadonlyMap<string, string>
    }
  /** Lines of values without a header become a CSV file; spaces around values and points after the last are removed. */
  | { readonly kind: 'csv'; readonly name: string; readonly columns: readonly string[] }

export interface KnownDataSet {
  readonly about: string
  readonly files: readonly RemoteFile[]
  /** Column that is usually predicted, for tables. */
  readonly target?: string
}

function idx(base: string, hashes: readonly [string, string, string, string]): RemoteFile[] {
  const names = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']
  return names.map((name, k) => ({
    url: `${base}/${name}-ubyte.gz`,
    sha256: hashes[k],
    to: { kind: 'keep', name: `${name}-ubyte.gz` },
  }))
}

const UCI = 'https://archive.ics.uci.edu/ml/machine-learning-databases'
const ADULT = [
  'age',
  'workclass',
  'fnlwgt',
  'education',
  'education-num',
  'marital-status',
  'occupation',
  'relationship',
  'race',
  'sex',
  'capital-gain',
  'capital-loss',
  'hours-per-week',
  'native-country',
  'income',
]

function emoji(vendor: 'twitter' | 'google', sha256: string): RemoteFile {
  const version = '16.0.0'
  return {
    url: `npm:emoji-datasource-${vendor}/-/emoji-datasource-${vendor}-${version}.tgz`,
    sha256,
    to: { kind: 'images', index: 'emoji.json', prefix: vendor, classes: emojiClasses },
  }
}

/** Category of each emoji, without variants of skin colour and the five parts that are not shown alone. */
function emojiClasses(index: unknown): Map<string, string> {
  const all = index as readonly { readonly image: string; readonly category: string }[]
  return new Map(
    all
      .filter(({ category }) => category !== 'Component')
      .map(({ image, category }) => [image, category.toLowerCase().replace(/[^a-z]+/g, '-')]),
  )
}

export const KNOWN_DATA_SETS: Readonly<Record<string, KnownDataSet>> = {
  mnist: {
    about: 'MNIST: 70,000 handwritten digits, 28×28 (LeCun, Cortes, Burges)',
    files: idx('https://storage.googleapis.com/cvdf-datasets/mnist', [
      '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
      '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
      '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
      'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    ]),
  },
  'fashion-mnist': {
    about: 'Fashion-MNIST: 70,000 pieces of clothing in 10 classes, 28×28 (Xiao, Rasul, Vollgraf 2017)',
    files: idx('https://fashion-mnist.s3.eu-central-1.amazonaws.com', [
      '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
      'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
      '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
      '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    ]),
  },
  cifar10: {
    about: 'CIFAR-10: 60,000 photos in 10 classes, 32×32 in colour (Krizhevsky 2009)',
    files: [
      {
        url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
        sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        to: { kind: 'tar', names: /^(data_batch_\d|test_batch)\.bin$|^batches\.meta\.txt$/ },
      },
    ],
  },
  cifar100: {
    about: 'CIFAR-100: 60,000 photos in 100 classes, 32×32 in colour (Krizhevsky 2009)',
    files: [
      {
        url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
        sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
        to: { kind: 'tar', names: /^(train|test)\.bin$|^(fine|coarse)_label_names\.txt$/ },
      },
    ],
  },
  adult: {
    about: 'Adult (census income): 48,842 people, 14 columns, income above or below 50,000 (UCI, CC BY 4.0)',
    target: 'income',
    files: [
      {
        url: `${UCI}/adult/adult.data`,
        sha256: '5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d',
        to: { kind: 'csv', name: 'train.csv', columns: ADULT },
      },
      {
        url: `${UCI}/adult/adult.test`,
        sha256: 'a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05',
        to: { kind: 'csv', name: 'test.csv', columns: ADULT },
      },
    ],
  },
  iris: {
    about: 'Iris: 150 flowers of 3 species, 4 measures (Fisher 1936; UCI, CC BY 4.0)',
    target: 'species',
    files: [
      {
        url: `${UCI}/iris/iris.data`,
        sha256: '6f608b71a7317216319b4d27b4d9bc84e6abd734eda7872b71a458569e2656c0',
        to: {
          kind: 'csv',
          name: 'iris.csv',
          columns: ['sepal_length', 'sepal_width', 'petal_length', 'petal_width', 'species'],
        },
      },
    ],
  },
  diamonds: {
    about: 'Diamonds: 53,940 stones, 10 columns, cut or price (Wickham, ggplot2; npm, ISC)',
    target: 'cut',
    files: [
      {
        url: 'npm:@observablehq/sample-datasets/-/sample-datasets-1.0.1.tgz',
        sha256: '8cb79bcc90c9dab6155deb6aa1ec203716735301a5ed3f591817e3e0a298525a',
        to: { kind: 'tar', names: /^diamonds\.csv$/ },
      },
    ],
  },
  emoji: {
    about: 'Emoji: 3,782 pictures in 9 classes, 64×64 in colour (Twemoji, CC BY 4.0, and Noto, OFL; npm)',
    files: [
      emoji('twitter', 'f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877'),
      emoji('google', 'fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438'),
    ],
  },
  'wine-quality': {
    about: 'Wine quality: 1,599 red wines, 11 measures, a grade (Cortez et al. 2009; UCI, CC BY 4.0)',
    target: 'quality',
    files: [
      {
        url: `${UCI}/wine-quality/winequality-red.csv`,
        sha256: undefined,
        to: { kind: 'keep', name: 'winequality-red.csv' },
      },
    ],
  },
}
