import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { KNOWN_DATA_SETS } from '../../../src/data/fetch/catalogue.js'
import { addressOf, type Download, fetchDataSet, fetchFiles } from '../../../src/data/fetch/fetch-data.js'
import { tarFiles } from '../../../src/data/fetch/tar.js'

/** Gives the same bytes for every address. */
const gives =
  (text: string): Download =>
  async () =>
    (async function* () {
      yield Buffer.from(text)
    })()

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('fetching data sets', () => {
  it.each([
    [
      'no network',
      'iris',
      async () => Promise.reject(new TypeError('fetch failed')),
      'E_DATA_FETCH',
      /check the network/,
    ],
    ['other bytes than expected', 'iris', gives('1,2,3,4,x\n'), 'E_DATA_HASH', /expected 6f608b71/],
    [
      'an unknown hash',
      'wine-quality',
      gives('a;b\n1;2\n'),
      'E_DATA_HASH',
      new RegExp(`--accept-hash ${sha256('a;b\n1;2\n')}`),
    ],
    ['an unknown name', 'irsi', gives(''), 'E_DATA_NOT_FOUND', /did you mean "iris"/],
  ] as const)('leaves nothing behind: %s', (_, name, download, code, message) =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, 'data', name)
      const failed = fetchDataSet({ name, out, download })
      await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
      expect(await readdir(folder)).toEqual([])
    }),
  )

  it('keeps a folder that exists', () =>
    inTemporaryFolder(async (folder) => {
      await mkdir(join(folder, 'iris'))
      const failed = fetchDataSet({ name: 'iris', out: join(folder, 'iris'), download: gives('') })
      await expect(failed).rejects.toMatchObject({ code: 'E_DATA_AMBIGUOUS' })
      await access(join(folder, 'iris'))
    }))

  it('writes a file whose hash the user accepts', () =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, 'wine')
      await fetchDataSet({
        name: 'wine-quality',
        out,
        download: gives('a;b\n'),
        acceptHashes: [sha256('a;b\n')],
      })
      expect(await readFile(join(out, 'winequality-red.csv'), 'utf8')).toBe('a;b\n')
      expect(await readdir(folder)).toEqual(['wine'])
    }))

  it('knows whole hashes, or none', () => {
    for (const { files } of Object.values(KNOWN_DATA_SETS))
      for (const { url, sha256: hash } of files) {
        expect(addressOf(url)).toMatch(/^https:/)
        if (hash !== undefined) expect(hash).toMatch(/^[0-9a-f]{64}$/)
      }
  })
})

/** A tar archive of one file. */
function tar(path: string, contents: string, size = contents.length): Buffer {
  const header = Buffer.alloc(512)
  header.write(path, 0)
  header.write(size.toString(8).padStart(11, '0'), 124)
  header.write('        ', 148)
  header.write('0', 156)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const body = Buffer.alloc(Math.ceil(contents.length / 512) * 512)
  body.write(contents)
  return Buffer.concat([header, body, Buffer.alloc(1024)])
}

describe('tar archives', () => {
  it('give their files by their last names', () => {
    const [file] = [...tarFiles(tar('a/../../etc/x.bin', 'hello'), 't.tar')]
    expect(file).toMatchObject({ name: 'x.bin', bytes: Buffer.from('hello') })
  })

  it('are refused when cut off or damaged', () => {
    expect(() => [...tarFiles(tar('x', 'hello', 100_000), 't.tar')]).toThrow(/cut off/)
    const bad = tar('x', 'hello')
    bad[3] = 9
    expect(() => [...tarFiles(bad, 't.tar')]).toThrow(/damaged/)
  })
})

describe('sets that npm packages ship', () => {
  it('come from the registry of the user, with or without a path of its own', () => {
    const [{ url }] = KNOWN_DATA_SETS.diamonds!.files
    const path = '@observablehq/sample-datasets/-/sample-datasets-1.0.1.tgz'
    expect(addressOf(url)).toBe(`https://registry.npmjs.org/${path}`)
    expect(addressOf(url, 'http://localhost:4873/npm/')).toBe(`http://localhost:4873/npm/${path}`)
    expect(addressOf('https://example.org/a.csv', 'http://localhost:4873')).toBe('https://example.org/a.csv')
  })

  it('sort pictures into folders by class, and leave out what their index does not name', () =>
    inTemporaryFolder(async (folder) => {
      const index = JSON.stringify([
        { image: 'a.png', category: 'Food & Drink' },
        { image: 'b.png', category: 'Flags' },
        { image: 'c.png', category: 'Component' },
      ])
      const pictures = ['a', 'b', 'c', 'sheet'].map((name) => tar(`package/img/${name}.png`, name))
      const archive = gzipSync(
        Buffer.concat([...pictures.map((file) => file.subarray(0, -1024)), tar('package/emoji.json', index)]),
      )
      const hash = createHash('sha256').update(archive).digest('hex')
      const known = KNOWN_DATA_SETS.emoji!
      const files = known.files.map((file) => ({ ...file, sha256: hash }))
      const out = join(folder, 'emoji')
      await fetchFiles(files, {
        name: 'emoji',
        out,
        download: async () =>
          (async function* () {
            yield archive
          })(),
      })
      expect((await readdir(out, { recursive: true })).sort()).toEqual([
        'flags',
        'flags/google-b.png',
        'flags/twitter-b.png',
        'food-drink',
        'food-drink/google-a.png',
        'food-drink/twitter-a.png',
      ])
    }))
})
