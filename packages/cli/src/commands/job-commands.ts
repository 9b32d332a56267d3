import { type Command, Option } from 'commander'
import { assignment, backendOption, multiaddrs, number, preAggregator, wholeNumber } from '../arguments.js'
import { coins, withChain } from '../settlement/settlement-options.js'
import { type Target, target } from '../settlement/target.js'

/** Adds `tempered job …`; the file of each command is loaded when it is called. */
export function addJobCommands(program: Command): void {
  const job = program
    .command('job')
    .description('Paid training: post a job, see what came of it (docs/settlement.md).')
  withChain(
    job
      .command('post')
      .description(
        'Post a job, give out its document, and wait for the model; nodes with --serve-jobs take it.',
      )
      .requiredOption('--target <metric>=<value>', 'when it is done, e.g. "accuracy>=0.9"', target)
      .requiredOption('--budget <coins>', 'the most that it may cost', coins)
      .option(
        '--per-round <coins>',
        'of that, per round whatever comes of it; default: half, over all rounds',
        coins,
      )
      .option('--rounds <n>', 'the most rounds that are paid for', wholeNumber(1), 50)
      .option('--members <n>', 'members that it needs, at most 128', wholeNumber(2), 4)
      .option('--stake <coins>', 'what each must have staked; default: its share of the budget', coins)
      .addOption(
        new Option('--pay <kind>', 'how the pay is divided')
          .choices(['equal', 'samples', 'contribution'])
          .default('equal'),
      )
      .option('--licence <text>', 'licence of the model, in its token', 'not stated')
      .option('--accept-within <seconds>', 'how long members may accept', wholeNumber(1), 3_600)
      .option('--settle-within <seconds>', 'until when it must be done, from now', wholeNumber(2), 86_400)
      .option('--task <file>', 'task: what is learnt (docs/tasks.md)')
      .addOption(
        new Option('--model <name>', 'without a task: model that classifies digits')
          .choices(['softmax', 'mlp', 'cnn'])
          .default('mlp'),
      )
      .option('--seed <n>', 'seed of the run', wholeNumber(0), 1)
      .option('--rule <name>', 'aggregation rule', 'geometric-median')
      .option('--rule-param <name=number>', 'parameter of the rule; repeatable', assignment)
      .option('--pre <name:p=n,…>', 'pre-aggregator before the rule; repeatable', preAggregator)
      .option('--local-steps <n>', 'minibatch steps per node and round', wholeNumber(1), 20)
      .option('--batch-size <n>', 'samples of a minibatch', wholeNumber(1), 32)
      .option('--learning-rate <x>', 'learning rate', number, 0.05)
      .option('--momentum <x>', 'momentum', number, 0.9)
      .option('--logit-adjustment <x>', 'strength of logit adjustment; 0 for none', number, 0)
      .option('--score-every <n>', 'every how many rounds members score each other', wholeNumber(1), 1)
      .option('--collect-ms <n>', "deadline for the members' models", wholeNumber(1), 60_000)
      .option(
        '--delta-ms <n>',
        'within which a message reaches all members, on the common chain',
        wholeNumber(1),
        2_000,
      )
      .option('--join-ms <n>', 'how long members wait for each other at the start', wholeNumber(1), 120_000)
      .option('--listen <multiaddr>', 'address at which members reach you; repeatable', multiaddrs)
      .option('--announce <multiaddr>', 'address to name instead, if it differs; repeatable', multiaddrs)
      .option('--out <folder>', 'folder for the job and its model; default: job-<number>'),
  ).action(async (options) => (await import('./job-post.js')).jobPost(options))
  withChain(
    job
      .command('resume')
      .description('Wait for a job that was posted before, after a stop or a crash.')
      .argument('<folder>', 'folder of `job post`'),
  ).action(async (folder, options) => (await import('./job-post.js')).jobResume(folder, options))
  withChain(
    job
      .command('status')
      .description(
        'What has become of a job: members, payments, losses, and the model’s owner, with their blocks.',
      )
      .argument('<job>', 'number of the job (0x…), or the folder of `job post`')
      .option('--json', 'one JSON object on stdout'),
  ).action(async (id, options) => (await import('./job-status.js')).showJob(id, options))
  withChain(
    job
      .command('cancel')
      .description('Take the budget back while places of a job are still open.')
      .argument('<job>', 'number of the job (0x…), or the folder of `job post`'),
  ).action(async (id, options) => (await import('./job-cancel.js')).jobCancel(id, options))
  job
    .command('demo')
    .description(
      'A chain, a user and six nodes on this machine: a job is posted, trained, settled and delivered; one node rides free, one contradicts itself.',
    )
    .addOption(
      new Option('--target <metric>=<value>', 'when the job is done')
        .argParser(target)
        .default({ metric: 'accuracy', better: 'higher', value: 0.85 } satisfies Target, 'accuracy>=0.85'),
    )
    .option('--rounds <n>', 'the most rounds that are paid for', wholeNumber(2), 40)
    .option('--out <folder>', 'folder for results', 'runs')
    .addOption(backendOption().default('auto'))
    .action(async (options) => (await import('./job-demo.js')).jobDemo(options))
}
