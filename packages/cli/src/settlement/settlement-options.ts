import { type Command, InvalidArgumentError } from 'commander'
import { isCoins, weiOf } from '../config/coins.js'

/** Adds the options by which a command finds its chain; see `settingsOf`. */
export function withChain(command: Command): Command {
  return command
    .option('--config <path>', 'node folder or configuration file with `settlement`')
    .option('--rpc <url>', 'without --config: URL of a JSON-RPC endpoint')
    .option('--contracts <file>', 'without --config: file written by `settlement deploy`')
    .option('--key <file>', 'without --config: key file of the account that pays')
}

/** An amount of coins, e.g. 0.05; in wei. */
export const coins = (text: string): bigint => {
  if (!isCoins(text)) throw new InvalidArgumentError('must be an amount of coins, e.g. 0.05')
  const amount = weiOf(text)
  // Contracts count in 128 bits.
  if (amount >= 2n ** 127n) throw new InvalidArgumentError('is too large')
  return amount
}

/** The same, but more than 0. */
export const someCoins = (text: string): bigint => {
  const amount = coins(text)
  if (amount === 0n) throw new InvalidArgumentError('must be more than 0')
  return amount
}

/** `peer id=address`, repeatable. */
export const peerAccount = (text: string, previous: Record<string, string> = {}): Record<string, string> => {
  const [peer, account] = text.split('=')
  if (!peer || !account?.startsWith('0x')) throw new InvalidArgumentError('must be <peer id>=<0x…>')
  return { ...previous, [peer]: account }
}
