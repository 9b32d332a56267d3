import { type Command, InvalidArgumentError, Option } from 'commander'
import { assignment, list, preAggregator, wholeNumber, wholeNumbers } from '../arguments.js'

const share = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('must be a number between 0 and 1')
  return value
}

const above0 = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('must be a number above 0')
  return value
}

/** Adds `tempered lab …`; the file of each command is loaded when it is called. */
export function addLabCommands(program: Command): void {
  const lab = program
    .command('lab')
    .description(
      'Many simulated runs: matrices, and the search for worst attacks. What members could learn of each other.',
    )
  lab
    .command('matrix')
    .description(
      'Run rules × attacks × fractions × topologies × splits × seeds. Finished cells are kept: the same command resumes a stopped matrix.',
    )
    .argument('<lab>', 'lab file (YAML or JSON)')
    .option('--out <folder>', 'folder for results; default: runs/<name of the lab>')
    .option('--parallel <n>', 'cells at the same time; default: one per core', wholeNumber(1))
    .option('--seeds <list>', 'these seeds instead of those of the file, e.g. 1,2,3', wholeNumbers(0))
    .option('--rounds <n>', 'rounds instead of those of the file', wholeNumber(1))
    .option(
      '--rule <name>',
      'only this rule, by its name in tables, and the cells it is compared with; repeatable',
      list,
    )
    .option(
      '--attack <name>',
      'only this attack, by its name in tables, and attack-free runs; repeatable',
      list,
    )
    .option(
      '--shard <part/parts>',
      'only this part of the cells, such as 3/10, for several machines; shards may share a folder',
    )
    .option('--json', 'one JSON line per finished cell on stdout')
    .action(async (file, options) => (await import('./lab-matrix.js')).labMatrix(file, options))
  lab
    .command('merge')
    .description('Collect the results of shards into one folder, with its table and report.')
    .argument('<lab>', 'lab file with which the shards ran')
    .argument('<folder...>', 'result folders of the shards; one if they shared it')
    .option('--out <folder>', 'folder for the whole; default: the first folder')
    .option('--seeds <list>', 'as the shards had it', wholeNumbers(0))
    .option('--rounds <n>', 'as the shards had it', wholeNumber(1))
    .option('--allow-missing', 'exit with 0 though cells are missing')
    .action(async (file, folders, options) =>
      (await import('./lab-merge.js')).labMerge(file, folders, options),
    )
  lab
    .command('jobs')
    .description(
      'Write what runs a lab in shards elsewhere: a Kubernetes Indexed Job, a Slurm array, or a script for xargs and GNU parallel.',
    )
    .argument('<lab>', 'lab file (YAML or JSON)')
    .requiredOption('--shards <n>', 'number of shards', wholeNumber(1))
    .option('--out <folder>', 'folder for the files; default: <name of the lab>-jobs')
    .option('--image <name>', 'container image for Kubernetes; default: tempered:<version>')
    .option('--claim <name>', 'persistent volume claim (ReadWriteMany) for Kubernetes', 'tempered-results')
    .option('--cpus <n>', 'cores per shard', wholeNumber(1), 2)
    .option('--memory <MiB>', 'memory per shard, MiB', wholeNumber(256), 4096)
    .option('--force', 'overwrite existing files')
    .action(async (file, options) => (await import('./lab-jobs.js')).labJobs(file, options))
  lab
    .command('consensus')
    .description(
      'Averaging without data under attack: how far the nodes end from the honest mean, and from each other.',
    )
    .argument('<file>', 'consensus file (YAML or JSON)')
    .option('--out <folder>', 'folder for results; default: runs/<name of the file>')
    .option('--seeds <list>', 'these seeds instead of those of the file, e.g. 1,2,3', wholeNumbers(0))
    .option('--rounds <n>', 'rounds instead of those of the file', wholeNumber(1))
    .option('--json', 'one JSON line per run on stdout')
    .action(async (file, options) => (await import('./lab-consensus.js')).labConsensus(file, options))
  lab
    .command('schema')
    .description('Print the JSON Schema of lab files, for editors.')
    .option('--consensus', 'print that of consensus files instead')
    .action(async (options) => (await import('./lab-schema.js')).printLabSchema(options))
  lab
    .command('attack')
    .description(
      'Search attacks, parameters, first rounds and placements for what does most harm to a rule, and write the worst as a scenario.',
    )
    .option('--rule <name>', 'rule under attack', 'balance')
    .option('--rule-param <name=number>', 'parameter of the rule; repeatable', assignment)
    .option('--pre <name:p=n,…>', 'pre-aggregator before the rule, e.g. nnm:f=2; repeatable', preAggregator)
    .option(
      '--scenario <file>',
      'scenario to attack, without its adversaries; with its rule unless --rule is given',
    )
    .option('--fraction <x>', 'share of attacking nodes', share, 0.2)
    .option('--budget <n>', 'total number of runs', wholeNumber(1), 100)
    .option(
      '--seeds <list>',
      'the search uses the first seed, the final ranking all',
      wholeNumbers(0),
      [1, 2, 3],
    )
    .option('--rounds <n>', 'rounds of a run', wholeNumber(1))
    .option('--parallel <n>', 'runs at the same time; default: one per core', wholeNumber(1))
    .option('--out <file>', 'scenario to write', 'worst-case.yaml')
    .option('--force', 'overwrite an existing file')
    .option('--json', 'one JSON line per run on stdout')
    .action(async (options, command: Command) => {
      const { labAttack } = await import('./lab-attack.js')
      await labAttack({ ...options, ruleGiven: command.getOptionValueSource('rule') === 'cli' })
    })
  addInversion(lab)
}

function addInversion(lab: Command): void {
  lab
    .command('inversion')
    .description(
      'Gradient inversion on the embedded digits: which labels and images a curious member recovers from the round of another one, without and with privacy.',
    )
    .addOption(new Option('--model <name>', 'only this model; default: both').choices(['softmax', 'mlp']))
    .option('--batches <list>', 'rounds of one step on so many images', wholeNumbers(1), [1, 4, 8, 32])
    .option('--steps <n>', 'a round of so many steps of 32 images as well; 0 for none', wholeNumber(0), 20)
    .option('--members <n>', 'members of the group', wholeNumber(3), 8)
    .option('--threshold <t>', 'members that work together, and whose shares say nothing', wholeNumber(1), 2)
    .option('--range <R>', 'how far, in L2 length, a shared model may be from the initial one', above0, 8)
    .option('--classes <n>', 'classes that each member has images of; default: all', wholeNumber(1))
    .option(
      '--warm-up <steps>',
      'steps on the images of all members that the model has behind it; 0 for initial parameters',
      wholeNumber(0),
      0,
    )
    .option(
      '--seeds <list>',
      'one round for each; images, parameters and shares are drawn from it',
      wholeNumbers(0),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    )
    .option('--out <folder>', 'folder for result.json and pictures; default: none')
    .option('--force', 'overwrite files of an existing folder')
    .option('--json', 'one JSON line per round on stdout')
    .action(async (options) => (await import('./lab-inversion.js')).labInversion(options))
}
