import { temperedVersion } from '@tempered/lab/versions'
import { Argument, Command, Option } from 'commander'
import {
  assignment,
  backendOption,
  list,
  multiaddr,
  multiaddrs,
  number,
  preAggregator,
  roundsOrOpen,
  wholeNumber,
} from './arguments.js'
import { addChainCommands } from './commands/chain-commands.js'
import { addDataCommands } from './commands/data-commands.js'
import { addJobCommands } from './commands/job-commands.js'
import { addLabCommands } from './commands/lab-commands.js'
import { addLedgerCommands } from './commands/ledger-commands.js'
import { addMemberCommands } from './commands/member-commands.js'
import { addModelCommands } from './commands/model-commands.js'
import { addOperateCommands } from './commands/operate-commands.js'
import { addPrivacyOptions } from './commands/private-flags.js'
import { addScenarioCommands } from './commands/scenario-commands.js'
import { addSettlementCommands } from './commands/settlement-commands.js'
import { addTaskCommands } from './commands/task-commands.js'
import { kindsText, NEW_KINDS } from './new-kinds.js'
import { peerAccount } from './settlement/settlement-options.js'
import { fullName, refuseUnknownCommand } from './unknown-command.js'

/**
 * The `tempered` command: parses arguments and calls a command in commands/, which is loaded on demand. Every command
 * waits for the imports of this file, so it imports only light modules.
 */
export function createProgram(): Command {
  const program = new Command('tempered')
    .description(
      'Federated learning without a server: nodes that gossip, filter what they receive and prove what they did.',
    )
    .version(temperedVersion())
    .option('--debug', 'show stack traces with errors')
    .option('--module <file>', 'ES module with your own rule, attack, topology or measure; repeatable', list)
    .exitOverride()
    .addHelpText('beforeAll', ({ command }) => {
      refuseUnknownCommand(command)
      return ''
    })

  // Modules register their names before any command looks them up.
  program.hook('preAction', async () => {
    const files: readonly string[] = program.opts().module ?? []
    if (files.length === 0) return
    const { loadModule } = await import('@tempered/lab/plugins')
    for (const file of files) await loadModule(file)
  })

  program
    .command('demo')
    .description(
      'Ten nodes on this machine, two of them poisoning: plain averaging and BALANCE side by side.',
    )
    .option('--seed <n>', 'seed of the run', wholeNumber(0), 1)
    .option('--rounds <n>', 'rounds', wholeNumber(1), 16)
    .addOption(backendOption().default('auto'))
    .option('--out <folder>', 'folder for results', 'runs')
    .action(async (options) => (await import('./commands/demo.js')).demo(options))
  addNodeCommands(program)
  addMemberCommands(program)
  addOperateCommands(program)
  addManifestCommands(program)
  addClusterCommands(program)
  addScenarioCommands(program)
  addDataCommands(program)
  addTaskCommands(program)
  program
    .command('report')
    .description(
      'Create the report of a run, a scenario run or a matrix again: one HTML file, CSV, NDJSON, Markdown.',
    )
    .argument('<folder>', 'results folder, e.g. runs/sign-flip-20261121-031500')
    .option('--json', 'the report’s numbers on stdout')
    .action(async (folder, options) => (await import('./commands/report.js')).report(folder, options))

  program
    .command('new')
    .description('Write a commented template with a test: a rule, an attack, a scenario, a lab …')
    .usage('[options] <kind> <name>')
    .addArgument(new Argument('[kind]', 'what to write').choices(Object.keys(NEW_KINDS)))
    .argument('[name]', 'its name; files are named after it')
    .addHelpText('after', `\n${kindsText()}`)
    .option('--out <folder>', 'folder to write to', '.')
    .option('--force', 'overwrite existing files')
    .action(async (kind, name, options, command: Command) => {
      if (kind === undefined || name === undefined) {
        const named = kind ?? 'rule'
        const example = `tempered new ${named} ${named === 'measure' ? 'myMeasure' : `my-${named}`}`
        const text =
          kind === undefined
            ? `give a kind and a name, e.g. ${example}\n${kindsText()}`
            : `give a name for the ${kind}, e.g. ${example}`
        command.error(`error: ${text}`, { exitCode: 2 })
      }
      await (await import('./commands/new.js')).writeNew(kind, name, options)
    })

  addLedgerCommands(program)
  addChainCommands(program)
  addModelCommands(program)
  addSettlementCommands(program)
  addJobCommands(program)
  addLabCommands(program)
  pointToHelp(program)
  return program
}

/** After an error in its arguments, every command names its own help. */
function pointToHelp(command: Command): void {
  command.showHelpAfterError(`(see ${fullName(command)} --help)`)
  for (const child of command.commands) pointToHelp(child)
}

function addNodeCommands(program: Command): void {
  const node = program.command('node').description('One node of a run, on this machine or anywhere.')
  node
    .command('init')
    .description('Create a folder with an identity (key file, mode 0600) and a commented configuration.')
    .argument('<folder>', 'folder to create')
    .option('--name <name>', 'name of the node in logs; default: the name of the folder')
    .option('--listen <multiaddr>', 'address to listen on; repeatable', multiaddrs)
    .option('--bootstrap <multiaddr>', 'address of any member; repeatable', multiaddrs)
    .option('--manifest <file>', 'run manifest file')
    .option('--manifest-peer <multiaddr>', 'member to take the manifest from', multiaddr)
    .option('--part <i/n>', 'train on part i (from 0) of n of the embedded digits, split non-IID', '0/1')
    .option('--mdns', 'find members on the local network')
    .action(async (folder, options) => (await import('./commands/node-init.js')).nodeInit(folder, options))
  node
    .command('start')
    .description(
      'Join the run and take part in its rounds; after a stop or a crash the node repeats the round that was interrupted, or, where the others are ahead by then, jumps to theirs, which leaves a gap in its ledger.',
    )
    .requiredOption('--config <path>', 'node folder or its configuration file, e.g. alice or alice/node.yaml')
    .addOption(backendOption())
    .option(
      '--evidence <proof>',
      'proof file of `ledger replay --proofs` to act on and forward to the others; repeatable',
      list,
    )
    .option('--stay', 'keep serving models after the last round')
    .option(
      '--serve-jobs',
      'accept paid jobs from the chain of `settlement`, one after the other, instead of a run (docs/settlement.md)',
    )
    .option('--json', 'one JSON line per round on stdout')
    .option(
      '--metrics <host:port>',
      'serve /metrics, /healthz and /readyz there, without authentication, e.g. 127.0.0.1:9464 (docs/operating.md)',
    )
    .option(
      '--traces <url>',
      'send a trace of each round to this OpenTelemetry collector, e.g. http://127.0.0.1:4318 (docs/operating.md)',
    )
    .option('--log-file <file>', 'write logs to a file, as JSON lines; SIGHUP opens it again')
    .action(async ({ serveJobs, ...options }) =>
      serveJobs === true
        ? (await import('./commands/node-serve.js')).nodeServe(options)
        : (await import('./commands/node-start.js')).nodeStart(options),
    )
  node
    .command('id')
    .description('Print the peer id of a node folder or key file.')
    .argument('<path>', 'node folder or key file')
    .action(async (path) => (await import('./commands/node-id.js')).nodeId(path))
  node
    .command('network-key')
    .description(
      'Make the key of a private network, which all its nodes name in `network.key` (docs/networking.md).',
    )
    .argument('<file>', 'file to create, mode 0600')
    .action(async (file) => (await import('./commands/node-network-key.js')).nodeNetworkKey(file))
  node
    .command('backup')
    .description('Write key, configuration, manifest and state of a node that does not run into one file.')
    .argument('<folder>', 'node folder or its configuration file')
    .argument('<file>', 'file to write, a tar archive of mode 0600')
    .action(async (folder, file) => (await import('./commands/node-backup.js')).nodeBackup(folder, file))
  node
    .command('restore')
    .description('Make a new node folder from a backup.')
    .argument('<file>', 'file of `node backup`')
    .argument('<folder>', 'folder to create')
    .action(async (file, folder) => (await import('./commands/node-backup.js')).nodeRestore(file, folder))
}

function addManifestCommands(program: Command): void {
  const manifest = program
    .command('manifest')
    .description('The settings that all nodes of a run must agree on.')
  const create = manifest
    .command('create')
    .description('Write a run manifest; its hash is the run id.')
    .requiredOption('--member <peer>', 'peer id, node folder or key file; repeatable', list)
    .option('--name <name>', 'name of the run', 'run')
    .option('--out <file>', 'file to write', 'manifest.json')
    .option('--force', 'overwrite an existing manifest')
    .option('--seed <n>', 'seed', wholeNumber(0), 1)
    .option(
      '--task <file>',
      'task (YAML, or an ES module): what is learnt, from which inputs, with which model',
    )
    .option(
      '--initial <path>',
      'model to begin with: .safetensors, .npz, model.json, a folder of `model export`, or the state of a node',
    )
    .option('--initial-round <n>', 'round of that state, from 1; default: the last', wholeNumber(1))
    .option(
      '--trainer <node>',
      'node folder or node.yaml whose trainer process gives the parameters to begin with',
    )
    .addOption(
      new Option('--model <name>', 'without a task: model that classifies images; default: mlp').choices([
        'softmax',
        'mlp',
        'cnn',
      ]),
    )
    .option(
      '--rule <name>',
      'aggregation rule, with the parameters of its paper (default: balance with steps=4, measured for softmax, mlp and cnn)',
    )
    .option('--rule-param <name=number>', 'parameter of the rule; repeatable', assignment)
    .option('--pre <name:p=n,…>', 'pre-aggregator before the rule, e.g. nnm:f=2; repeatable', preAggregator)
    .option('--topology <name>', 'topology', 'complete')
    .option('--topology-param <name=number>', 'parameter of the topology; repeatable', assignment)
    .option(
      '--chain <architecture>',
      'a common chain: bft, pofl, pos, pow or vbfl; see docs/chain.md (default: none)',
    )
    .option('--chain-param <name=number>', 'parameter of the chain; repeatable', assignment)
    .option(
      '--settlement <file>',
      'file written by `settlement deploy`; members also sign for their accounts (docs/settlement.md)',
    )
    .option(
      '--account <peer=address>',
      'with --settlement: account of a member given by its peer id; repeatable',
      peerAccount,
    )
    .option(
      '--contribution <n>',
      'nodes score what their neighbours contribute, every so many rounds; see docs/contribution.md (default: never)',
      wholeNumber(1),
    )
  addPrivacyOptions(create)
    .option(
      '--rounds <n>',
      'rounds, or open for a run without an end (docs/membership.md); `run extend` changes them',
      roundsOrOpen,
      20,
    )
    .addOption(
      new Option(
        '--admission <who>',
        'who may add a member while the run goes on: a quorum of those who decide, or any one of them (default: quorum)',
      ).choices(['quorum', 'invitation']),
    )
    .option(
      '--owner <peer>',
      'peer id that decides about changes of the run instead of the members; repeatable',
      list,
    )
    .option(
      '--threshold <n>',
      'signatures that a change needs; default: more than two thirds of those who decide',
      wholeNumber(1),
    )
    .option('--local-steps <n>', 'minibatch steps per node and round', wholeNumber(0), 20)
    .option('--batch-size <n>', 'samples of a minibatch', wholeNumber(1), 32)
    .option('--learning-rate <x>', 'learning rate', number, 0.05)
    .option('--momentum <x>', 'momentum', number, 0.9)
    .option(
      '--logit-adjustment <x>',
      'strength of logit adjustment, for nodes with different labels',
      number,
      0,
    )
    .option(
      '--data <source>',
      'images from which to take their size and classes; with a task, data that must fit it',
    )
    .option('--input-shape <h,w,c>', 'height, width and channels of the images; default: 28,28,1')
    .option('--classes <n>', 'classes, 2 to 256; default: 10', wholeNumber(2))
    .option('--collect-ms <n>', "deadline for the neighbours' models", wholeNumber(1), 60_000)
    .option(
      '--join-ms <n>',
      'wait for all neighbours at the start, once one of them is there',
      wholeNumber(1),
      120_000,
    )
    .action(async (options) => (await import('./commands/manifest-create.js')).manifestCreate(options))
  manifest
    .command('show')
    .description('Check a manifest file and print its run id and contents.')
    .argument('<file>', 'manifest file')
    .action(async (file) => (await import('./commands/manifest-show.js')).manifestShow(file))
}

function addClusterCommands(program: Command): void {
  const cluster = program.command('cluster').description('Many real nodes on this machine.')
  cluster
    .command('run')
    .description('Run a cluster; without a scenario, ten nodes train under BALANCE without attackers.')
    .argument('[scenario]', 'scenario file (YAML or JSON)')
    .option('--nodes <n>', 'number of nodes', wholeNumber(1))
    .option('--rounds <n>', 'rounds', wholeNumber(1))
    .option('--seed <n>', 'seed', wholeNumber(0))
    .option('--rule <name>', 'aggregation rule, with its defaults')
    .addOption(new Option('--model <name>', 'model').choices(['softmax', 'mlp', 'cnn']))
    .addOption(backendOption())
    .option('--workers <n>', 'worker processes; default: one per core', wholeNumber(1))
    .addOption(new Option('--hosts <n>').argParser(wholeNumber(1)).hideHelp())
    .addOption(
      new Option('--isolation <kind>', 'several nodes per process, or one')
        .choices(['shared', 'process'])
        .default('shared'),
    )
    .option('--out <folder>', 'folder for results', 'runs')
    .option('--json', 'events as NDJSON on stdout')
    .action(async (scenario, options) =>
      (await import('./commands/cluster-run.js')).clusterRun(scenario, options),
    )
}
