import type { Command } from 'commander'
import { wholeNumber } from '../arguments.js'
import { coins, withChain } from '../settlement/settlement-options.js'

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
    .option('--unbonding <seconds>', 'between asking for a stake and getting it', wholeNumber(1))
    .option('--appeal <seconds>', 'between a verdict and its execution', wholeNumber(1))
    .action(async (options) => (await import('./settlement-deploy.js')).settlementDeploy(options))
  withChain(
    settlement
      .command('stake')
      .description("Bind a node's account to its peer, the first time, and stake coins.")
      .argument('<coins>', 'amount, e.g. 0.5', coins)
      .option('--identity <file>', "without --config: key file of the node's peer"),
  ).action(async (amount, options) =>
    (await import('./settlement-stake.js')).settlementStake(amount, options),
  )
  withChain(
    settlement
      .command('unstake')
      .description('Ask for a part of the stake; it stays liable until it may be withdrawn.')
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
      .command('show')
      .description("The account's coins, stake and earnings.")
      .option('--json', 'one JSON object on stdout'),
  ).action(async (options) => (await import('./settlement-show.js')).settlementShow(options))
}
