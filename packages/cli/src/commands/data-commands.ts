import { type Command, Option } from 'commander'
import { number, wholeNumber } from '../arguments.js'

/** Adds `tempered data …`; the file of each command is loaded when it is called. */
export function addDataCommands(program: Command): void {
  const data = program
    .command('data')
    .description('Look at data, deal it to nodes, fetch well-known data sets.')
  data
    .command('inspect')
    .description(
      'Show what a source holds: format, samples, columns with types and ranges, labels, first rows; with a task also what it makes of them.',
    )
    .argument('<source>', 'file or folder in any known format, or mnist')
    .option('--task <file>', 'task (YAML) to load the source for')
    .option('--sheet <file>', 'write some images of each class to this PNG file')
    .option('--json', 'one JSON object on stdout')
    .action(async (source, options) => (await import('./data-inspect.js')).dataInspect(source, options))
  data
    .command('split')
    .description(
      'Deal a file of rows, arrays or images to folders, one per node, in the same format, with split.json beside them.',
    )
    .argument('<source>', 'CSV, TSV or JSON lines, NPZ, folder of IDX files or of images by class')
    .requiredOption('--nodes <n>', 'number of parts', wholeNumber(1))
    .requiredOption('--out <folder>', 'folder to create, with one folder per part')
    .addOption(
      new Option('--scheme <name>', 'how samples are dealt')
        .choices(['iid', 'label-groups', 'dirichlet', 'shards'])
        .default('iid'),
    )
    .option('--h <x>', 'label-groups: share of a label that goes to its own group, 0 to 1', number)
    .option('--alpha <x>', 'dirichlet: concentration above 0; smaller is more skewed', number)
    .option('--per-node <n>', 'shards: shards of sorted labels per node', wholeNumber(1))
    .option(
      '--label <column>',
      'column of the label, for tables; without it rows are dealt as if all were alike',
    )
    .option('--seed <n>', 'seed', wholeNumber(0), 1)
    .action(async (source, options) => (await import('./data-split.js')).dataSplit(source, options))
  data
    .command('fetch')
    .description(
      'Download a well-known data set, check its SHA-256 and unpack it into a folder that runs can name.',
    )
    .argument('[name]', 'name of the data set; without it, list all')
    .option('--out <folder>', 'folder to create; default: data/<name>')
    .option(
      '--accept-hash <sha256>',
      'accept this hash of a file whose hash is not known here; repeatable',
      (hash: string, before: string[] = []) => [...before, hash.toLowerCase()],
    )
    .action(async (name, options) => (await import('./data-fetch.js')).dataFetch(name, options))
}
