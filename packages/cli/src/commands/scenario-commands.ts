import { TEMPLATE_NAMES } from '@tempered/lab/templates'
import { type Command, Option } from 'commander'
import { backendOption, list, wholeNumber, wholeNumbers } from '../arguments.js'

/** Adds `tempered scenario …`; the file of each command is loaded when it is called. */
export function addScenarioCommands(program: Command): void {
  const scenario = program
    .command('scenario')
    .description(
      'Runs described in files: attackers, faults, and the assertions that must hold despite them.',
    )
  scenario
    .command('init')
    .description(
      'Write a commented scenario and, next to it, its JSON Schema for editors. `new scenario <name>` does the same with the default template.',
    )
    .argument('<file>', 'file to write (YAML)')
    .addOption(
      new Option('--template <name>', 'template to start from').choices(TEMPLATE_NAMES).default('attack'),
    )
    .option('--force', 'overwrite an existing file')
    .action(async (file, options) => (await import('./scenario-init.js')).scenarioInit(file, options))
  scenario
    .command('validate')
    .description(
      'Check scenarios and show their attackers, label histogram and topology; on mistakes exit 2 and list each as file:line:column.',
    )
    .argument('<file...>', 'scenario files (YAML or JSON)')
    .action(async (files) => (await import('./scenario-validate.js')).scenarioValidate(files))
  scenario
    .command('run')
    .description(
      'Run a scenario and its controls with every seed and rule; exit 8 when an assertion fails, 9 when training ' +
        'diverged, 6 when a ledger does not verify, 7 when nodes failed. --stage hosts runs nothing: it writes <out>/<name>-hosts.',
    )
    .argument('<file>', 'scenario file (YAML or JSON)')
    .addOption(
      new Option(
        '--stage <name>',
        'real nodes on this machine, a simulation, or a folder per machine to start on several machines',
      )
        .choices(['cluster', 'simulate', 'hosts'])
        .default('cluster'),
    )
    .option('--seeds <list>', 'seeds instead of those of the file, e.g. 1,2,3', wholeNumbers(0))
    .option('--rounds <n>', 'rounds instead of those of the file', wholeNumber(1))
    .option('--no-controls', 'only the scenario itself')
    .option('--parallel <n>', 'runs at the same time', wholeNumber(1), 1)
    .option('--workers <n>', 'worker processes per run; default: one per core', wholeNumber(1))
    .addOption(new Option('--hosts <n>').argParser(wholeNumber(1)).hideHelp())
    .option('--out <folder>', 'folder for results', 'runs')
    .option('--json', 'events as NDJSON on stdout')
    .option(
      '--address <node=host:port>',
      'hosts: address of a node (name or index), instead of its name and port 4001; repeatable',
      list,
    )
    .option('--fresh-keys', 'hosts: random keys instead of those derived from the seed')
    .option('--image <name>', 'hosts: container image; default: tempered:<version>')
    .option('--force', 'hosts: replace the existing hosts folder, including its ledgers')
    .action(async (file, options) => (await import('./scenario-run.js')).scenarioRun(file, options))
  scenario
    .command('node')
    .description(
      'Start a host that attacks: like `node start`, with the attack in attack.yaml next to its node.yaml. For experiments.',
    )
    .requiredOption('--config <path>', 'folder of the host or its configuration file')
    .addOption(backendOption())
    .option('--stay', 'keep serving models after the last round')
    .option('--serve-jobs', 'take paid jobs, and attack in them')
    .option('--json', 'one JSON line per round on stdout')
    .action(async (options) => (await import('./scenario-node.js')).scenarioNode(options))
  scenario
    .command('list')
    .description('List the scenarios of a folder with the first sentence of their descriptions.')
    .argument('[folder]', 'folder with scenario files', 'scenarios')
    .action(async (folder) => (await import('./scenario-list.js')).scenarioList(folder))
  scenario
    .command('schema')
    .description('Print the JSON Schema of scenario files.')
    .action(async () => (await import('./scenario-schema.js')).printScenarioSchema())
}
