import { type Command, Option } from 'commander'

/** Adds `tempered task …`; the file of each command is loaded when it is called. */
export function addTaskCommands(program: Command): void {
  const task = program
    .command('task')
    .description('What a run learns: how data becomes numbers, the model, the loss and how it is judged.')
  task
    .command('init')
    .description('Write a commented task; with data, its columns, types and values are taken from it.')
    .option('--data <source>', 'file or folder to take columns, shapes and classes from')
    .option('--target <column>', 'column to predict; default: one called label, class, target or y')
    .option('--model <name>', 'a built-in model, or layers to list them; default: one that suits the data')
    .option('--from <file>', 'model.json of a Keras or tfjs model, whose layers and weights the task takes')
    .addOption(
      new Option(
        '--statistics <whose>',
        'own: write mean and deviation of this data, which all members of the run will see; none: leave 0 and 1',
      )
        .choices(['own', 'none'])
        .default('none'),
    )
    .option('--out <file>', 'file to write', 'task.yaml')
    .option('--force', 'overwrite an existing file')
    .action(async (options) => (await import('./task-init.js')).taskInit(options))
  task
    .command('check')
    .description(
      'Check a task and show its shapes, loss, metrics, layers and parameters; with data also what it makes of them. Mistakes exit 2 with file:line:column.',
    )
    .argument('<file>', 'task file (YAML), or an ES module that exports a task')
    .option('--data <source>', 'file or folder to load for the task')
    .option('--json', 'one JSON object on stdout')
    .action(async (file, options) => (await import('./task-check.js')).taskCheck(file, options))
}
