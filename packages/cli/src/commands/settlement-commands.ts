import { type Command, InvalidArgumentError } from 'commander'
import { list, wholeNumber } from '../arguments.js'
import { coins, someCoins, withChain } from '../settlement/settlement-options.js'

/** The RunRegistry takes no more. */
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
    .description('Stakes and earnings on an EVM chain (docs/settlement.md). Optional: no run needs it.')
  settlement
    .command('account')
    .description(
      'Create the key of an account (mode 0600) and print its address; of an existing key, its address.',
    )
    .argument('[file]', 'key file', 'account.key')
    .action(async (file) => (await import('./settlement-account.js')).settlementAccount(file))
  settlement
    .command('deploy')
    .description('Put a set of contracts on a chain, and write where they are.')
    .requiredOption('--rpc <url>', 'HTTP address of an RPC')
    .requiredOption('--key <file>', 'key file of the account that pays, and owns the treasury')
    .option('--out <file>', 'file to write', 'settlement.json')
    .option('--minimum-stake <coins>', 'the least that a member may stake', coins)
    .option(
      '--unbonding <seconds>',
      'between asking for a stake and getting it; more than twice --appeal (default: 14 days)',
      wholeNumber(1),
    )
    .option('--appeal <seconds>', 'between a verdict and its execution (default: 3 days)', wholeNumber(1))
    .action(async (options) => (await import('./settlement-deploy.js')).settlementDeploy(options))
  withChain(
    settlement
      .command('stake')
      .description("Bind a node's account to its peer, the first time, and stake coins.")
      .argument('<coins>', 'amount, e.g. 0.5', someCoins)
      .option('--identity <file>', "without --config: key file of the node's peer"),
  ).action(async (amount, options) =>
    (await import('./settlement-stake.js')).settlementStake(amount, options),
  )
  withChain(
    settlement
      .command('unstake')
      .description(
        'Ask for a part of the stake; it stays liable until it may be withdrawn. Asking for more starts the time for all of it anew.',
      )
      .argument('<coins>', 'amount', coins),
  ).action(async (amount, options) =>
    (await import('./settlement-stake.js')).settlementUnstake(amount, options),
  )
  withChain(
    settlement.command('withdraw').description('Take what was unstaked, once its time is over.'),
  ).action(async (options) => (await import('./settlement-stake.js')).settlementWithdraw(options))
  withChain(settlement.command('claim').description('Take what the account has earned.')).action(
    async (options) => (await import('./settlement-stake.js')).settlementClaim(options),
  )
  withChain(
    settlement
      .command('sign-run')
      .description('Sign that this account is a member of a run, for the RunRegistry; prints the signature.')
      .argument('<manifest>', 'run manifest')
      .requiredOption('--until <date>', 'last day on which members judge one another, e.g. 2027-06-30', day),
  ).action(async (manifest, options) => (await import('./settlement-run.js')).signRun(manifest, options))
  withChain(
    settlement
      .command('open-run')
      .description('Register a run with the signatures of all of its members; then nodes anchor their heads.')
      .argument('<manifest>', 'run manifest')
      .requiredOption('--until <date>', 'the day that all have signed', day)
      .requiredOption('--signature <0x…>', 'signature of `sign-run`; repeatable', list),
  ).action(async (manifest, options) => (await import('./settlement-run.js')).openRun(manifest, options))
  withChain(
    settlement
      .command('verdicts')
      .description('Verdicts against this account, with what is left of the time to appeal.')
      .option('--json', 'one JSON object per verdict on stdout'),
  ).action(async (options) => (await import('./settlement-verdicts.js')).showVerdicts(options))
  withChain(
    settlement
      .command('appeal')
      .description(
        "Publish the hash of a proof against a verdict; the run's members have the same time again to look at it.",
      )
      .argument('<verdict>', 'number of the verdict (0x…)')
      .requiredOption(
        '--proof <file>',
        'what shows that the verdict is wrong, e.g. the output of `ledger replay`',
      ),
  ).action(async (id, options) => (await import('./settlement-verdicts.js')).appeal(id, options))
  withChain(
    settlement
      .command('retract')
      .description(
        "Take this member's signature under a verdict back, after looking at the proof; prints the signature, or brings those of several members.",
      )
      .argument('<verdict>', 'number of the verdict')
      .requiredOption('--proof <file>', 'the proof that was appealed with')
      .option('--signature <0x…>', 'signature of another member that takes its own back; repeatable', list)
      .option('--print', 'print the signature for somebody else to bring, and send nothing'),
  ).action(async (id, options) => (await import('./settlement-verdicts.js')).retract(id, options))
  withChain(
    settlement
      .command('show')
      .description("The account's coins, stake and earnings.")
      .option('--json', 'one JSON object on stdout'),
  ).action(async (options) => (await import('./settlement-show.js')).settlementShow(options))
}
