import { type Command, Option } from 'commander'
import { assignment, backendOption, multiaddrs, number, preAggregator, wholeNumber } from '../arguments.js'
import { coins, withChain } from '../settlement/settlement-options.js'
import { type Target, target } from '../settlement/target.js'

/** Adds `tempered job …`; the file of each command is loaded when it is called. */
export function addJobCommands(program: Command): void {
  const job = program
    .command('job')
    .description('Paid training: post a job and follow it (docs/settlement.md).')
  withChain(
    job
      .command('post')
      .description(
        'Post a job, serve its document to members, and wait for the model. Nodes with --serve-jobs accept it.',
      )
      .requiredOption(
        '--target <metric>=<value>',
        'metric and value at which the job is done, e.g. "accuracy>=0.9"',
        target,
      )
      .requiredOption('--budget <coins>', 'maximum total cost of the job', coins)
      .option(
        '--per-round <coins>',
        'part of the budget paid per round, target reached or not; default: half of the budget, spread over all rounds',
        coins,
      )
      .option('--rounds <n>', 'maximum number of paid rounds', wholeNumber(1), 50)
      .option('--members <n>', 'number of members, 2 to 128', wholeNumber(2), 4)
      .option('--stake <coins>', 'stake required of each member; default: its share of the budget', coins)
      .addOption(
        new Option('--pay <kind>', 'how the pay is divided among the members')
          .choices(['equal', 'samples', 'contribution'])
          .default('equal'),
      )
      .option('--licence <text>', 'licence of the model, written into its token', 'not stated')
      .option('--accept-within <seconds>', 'time for members to accept, in seconds', wholeNumber(1), 3_600)
      .option(
        '--settle-within <seconds>',
        'time until the job must be settled, in seconds',
        wholeNumber(2),
        86_400,
      )
      .option('--task <file>', 'task file: what to train (docs/tasks.md)')
      .addOption(
        new Option('--model <name>', 'without --task: built-in model that classifies digits')
          .choices(['softmax', 'mlp', 'cnn'])
          .default('mlp'),
      )
      .option('--seed <n>', 'seed of the run', wholeNumber(0), 1)
      .option('--rule <name>', 'aggregation rule', 'geometric-median')
      .option('--rule-param <name=number>', 'parameter of the rule; repeatable', assignment)
      .option('--pre <name:p=n,…>', 'pre-aggregator before the rule; repeatable', preAggregator)
      .option('--local-steps <n>', 'minibatch steps per node and round', wholeNumber(1), 20)
      .option('--batch-size <n>', 'samples per minibatch', wholeNumber(1), 32)
      .option('--learning-rate <x>', 'learning rate', number, 0.05)
      .option('--momentum <x>', 'momentum', number, 0.9)
      .option('--logit-adjustment <x>', 'strength of logit adjustment; 0 for none', number, 0)
      .option('--score-every <n>', 'rounds between mutual scorings', wholeNumber(1), 1)
      .option(
        '--collect-ms <n>',
        "time to wait for the members' models in each round, in milliseconds",
        wholeNumber(1),
        60_000,
      )
      .option(
        '--delta-ms <n>',
        'time within which a message reaches all members, in milliseconds (common chain)',
        wholeNumber(1),
        2_000,
      )
      .option(
        '--join-ms <n>',
        'time that members wait for each other at the start, in milliseconds',
        wholeNumber(1),
        120_000,
      )
      .option(
        '--listen <multiaddr>',
        'address at which members reach you; repeatable; default: /ip4/0.0.0.0/tcp/0 (all interfaces, random port)',
        multiaddrs,
      )
      .option(
        '--announce <multiaddr>',
        'address to announce instead, e.g. behind a port forward; repeatable',
        multiaddrs,
      )
      .option(
        '--out <folder>',
        "folder for the job and its model; default: job-<first digits of the document's hash>",
      ),
  ).action(async (options) => (await import('./job-post.js')).jobPost(options))
  withChain(
    job
      .command('resume')
      .description('Continue to wait for a posted job after a stop or a crash.')
      .argument('<folder>', 'folder created by `job post`'),
  ).action(async (folder, options) => (await import('./job-post.js')).jobResume(folder, options))
  withChain(
    job
      .command('status')
      .description(
        "Show the state of a job: members, payments, slashed stakes and the model's owner, with block numbers.",
      )
      .argument('<job>', 'job id (0x…), or the folder created by `job post`')
      .option('--json', 'one JSON object on stdout'),
  ).action(async (id, options) => (await import('./job-status.js')).showJob(id, options))
  withChain(
    job
      .command('cancel')
      .description('Cancel a job that not all members have accepted yet, and claim the budget back.')
      .argument('<job>', 'job id (0x…), or the folder created by `job post`'),
  ).action(async (id, options) => (await import('./job-cancel.js')).jobCancel(id, options))
  job
    .command('demo')
    .description(
      'Run a chain, a user and six nodes on this machine. A job is posted, trained, settled and delivered; one node is a free rider, one equivocates.',
    )
    .addOption(
      new Option('--target <metric>=<value>', 'metric and value at which the job is done')
        .argParser(target)
        .default({ metric: 'accuracy', better: 'higher', value: 0.85 } satisfies Target, 'accuracy>=0.85'),
    )
    .option('--rounds <n>', 'maximum number of paid rounds', wholeNumber(2), 40)
    .option('--out <folder>', 'folder for results', 'runs')
    .addOption(backendOption().default('auto'))
    .action(async (options) => (await import('./job-demo.js')).jobDemo(options))
}
