import { type Command, InvalidArgumentError } from 'commander'
import { wholeNumber } from '../arguments.js'

/** `1,2,3` */
const seeds = (text: string): number[] => {
  const values = text.split(',').map(Number)
  if (values.some((value) => !Number.isInteger(value) || value < 0))
    throw new InvalidArgumentError('must be whole numbers, separated by commas')
  return values
}

/** Adds `tempered lab …`; each command's own file is loaded when it is called. */
export function addLabCommands(program: Command): void {
  const lab = program
    .command('lab')
    .description('Many simulated runs: matrices, and the search for worst attacks.')
  lab
    .command('matrix')
    .description(
      'Run rules × attacks × fractions × topologies × splits × seeds. Finished cells are kept: the same command goes on ' +
        'where a stopped matrix was.',
    )
    .argument('<lab>', 'lab file (YAML or JSON)')
    .option('--out <folder>', 'where results go; default: runs/<name of the lab>')
    .option('--parallel <n>', 'cells side by side; default: one a core', wholeNumber(1))
    .option('--seeds <list>', 'these seeds instead of those of the file, e.g. 1,2,3', seeds)
    .option('--rounds <n>', 'rounds instead of those of the file', wholeNumber(1))
    .option('--json', 'one JSON line a finished cell on stdout')
    .action(async (file, options) => (await import('./lab-matrix.js')).labMatrix(file, options))
}
