import { type Command, InvalidArgumentError } from 'commander'
import { list, wholeNumber } from '../arguments.js'
import { coins, someCoins, withChain } from '../settlement/settlement-options.js'

/** The RunRegistry accepts no more. */
const MOST_YEARS = 10
/** The end of a day, in seconds since 1970. */
const day = (text: string): number => {
  const end = Date.parse(`${text}T23:59:59Z`)
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(end)
  // 2027-02-30 is read as 2 March.
  if (!isDay || new Date(end).toISOString().slice(0, 10) !== text)
    throw new InvalidArgumentError('must be a date, e.g. 2027-06-30')
  const most = Date.now() + MOST_YEARS * 365 * 86_400_000
  if (end < Date.now() || end > most)
    throw new InvalidArgumentError(`must be a date in the future, at most ${MOST_YEARS} years from now`)
  return Math.floor(end / 1000)
}

/** Adds `tempered settlement …`; the file of each command is loaded when it is called. */
export function addSettlementCommands(program: Command): void {
  const settlement = program
    .command('settlement')
    .description(
      'Stakes, earnings and verdicts on an EVM chain (docs/settlement.md). Optional: runs work without it.',
    )
  settlement
    .command('account')
    .description(
      'Create the key file of an account (mode 0600), unless it exists, and print the address of the account.',
    )
    .argument('[file]', 'key file', 'account.key')
    .action(async (file) => (await import('./settlement-account.js')).settlementAccount(file))
  settlement
    .command('deploy')
    .description('Deploy the contracts and write their addresses to a file.')
    .requiredOption('--rpc <url>', 'URL of a JSON-RPC endpoint')
    .requiredOption('--key <file>', 'key file of the account that pays and owns the treasury')
    .option('--out <file>', 'file to write', 'settlement.json')
    .option('--minimum-stake <coins>', 'minimum stake of a member (default: 0.1)', coins)
    .option(
      '--unbonding <seconds>',
      'delay between `unstake` and `withdraw`, in seconds; must be more than twice --appeal (default: 14 days)',
      wholeNumber(1),
    )
    .option(
      '--appeal <seconds>',
      'appeal period: delay between a verdict and its execution, in seconds (default: 3 days)',
      wholeNumber(1),
    )
    .action(async (options) => (await import('./settlement-deploy.js')).settlementDeploy(options))
  withChain(
    settlement
      .command('stake')
      .description("Stake coins. The first time, this also binds the account to the node's peer.")
      .argument('<coins>', 'amount, e.g. 0.5', someCoins)
      .option('--identity <file>', "without --config: key file of the node's peer"),
  ).action(async (amount, options) =>
    (await import('./settlement-stake.js')).settlementStake(amount, options),
  )
  withChain(
    settlement
      .command('unstake')
      .description(
        'Start withdrawing part of the stake. It can still be slashed until it is released; a further request restarts the delay for the whole amount.',
      )
      .argument('<coins>', 'amount', coins),
  ).action(async (amount, options) =>
    (await import('./settlement-stake.js')).settlementUnstake(amount, options),
  )
  withChain(
    settlement.command('withdraw').description('Withdraw what was unstaked, once the delay has passed.'),
  ).action(async (options) => (await import('./settlement-stake.js')).settlementWithdraw(options))
  withChain(settlement.command('claim').description("Claim the account's earnings.")).action(
    async (options) => (await import('./settlement-stake.js')).settlementClaim(options),
  )
  withChain(
    settlement
      .command('sign-run')
      .description(
        'Sign for the RunRegistry that this account is a member of a run, and print the signature.',
      )
      .argument('<manifest>', 'run manifest')
      .requiredOption(
        '--until <date>',
        'last day of the run, e.g. 2027-06-30; verdicts can be given until one unbonding delay later',
        day,
      ),
  ).action(async (manifest, options) => (await import('./settlement-run.js')).signRun(manifest, options))
  withChain(
    settlement
      .command('open-run')
      .description(
        'Register a run with the signatures of all its members. Their nodes then anchor ledger heads.',
      )
      .argument('<manifest>', 'run manifest')
      .requiredOption('--until <date>', 'the date that all members signed', day)
      .requiredOption('--signature <0x…>', 'signature printed by `sign-run`; repeatable', list),
  ).action(async (manifest, options) => (await import('./settlement-run.js')).openRun(manifest, options))
  withChain(
    settlement
      .command('verdicts')
      .description('List the verdicts against this account, with the time from which each can be executed.')
      .option('--json', 'one JSON object per verdict on stdout'),
  ).action(async (options) => (await import('./settlement-verdicts.js')).showVerdicts(options))
  withChain(
    settlement
      .command('appeal')
      .description(
        'Publish the hash of a proof against a verdict, which gives members another appeal period to review it.',
      )
      .argument('<verdict>', 'verdict id (0x…)')
      .requiredOption(
        '--proof <file>',
        'file that shows that the verdict is wrong, e.g. the output of `ledger replay`',
      ),
  ).action(async (id, options) => (await import('./settlement-verdicts.js')).appeal(id, options))
  withChain(
    settlement
      .command('retract')
      .description(
        "Withdraw this member's signature from a verdict; sends it, with those of --signature, or prints it with --print.",
      )
      .argument('<verdict>', 'verdict id (0x…)')
      .requiredOption('--proof <file>', 'the proof file of the appeal')
      .option('--signature <0x…>', 'signature that another member printed with --print; repeatable', list)
      .option('--print', 'print the signature for another member to submit; send nothing'),
  ).action(async (id, options) => (await import('./settlement-verdicts.js')).retract(id, options))
  withChain(
    settlement
      .command('show')
      .description("Show the account's coins, stake and earnings.")
      .option('--json', 'one JSON object on stdout'),
  ).action(async (options) => (await import('./settlement-show.js')).settlementShow(options))
}
