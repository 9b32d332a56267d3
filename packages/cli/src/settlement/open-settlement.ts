import { errorCode, errorMessage } from '@tempered/errors'
import { sleep, systemClock } from '@tempered/node'
import type { Outbox, SettlementClient } from '@tempered/settlement'
import type { NodeConfig } from '../config/node-config.js'
import { loadNodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { warn } from '../terminal/warning.js'
import { type AccountKey, readAccountFile } from './account-file.js'
import { loadSettlement } from './load-settlement.js'
import { loadSettlementFile, type SettlementPlace } from './settlement-file.js'

/** What commands need to know about a chain. */
export interface SettlementSettings {
  readonly rpc: string
  readonly place: SettlementPlace
  readonly key: AccountKey
  readonly confirmations: number
}

export interface OpenedSettlement extends SettlementSettings {
  readonly client: SettlementClient
  readonly outbox: Outbox
  close(): void
}

/** Options by which commands find a chain: a node's configuration, or all of it by hand. */
export interface SettlementOptions {
  readonly config?: string
  readonly rpc?: string
  readonly contracts?: string
  readonly key?: string
}

const RETRY_MS = 5_000

/** A key for commands that only read. */
const NOBODY: AccountKey = `0x${'0'.repeat(63)}1`

/** Throws CliError E_USAGE. */
export function checkRpc(rpc: string): void {
  const url = URL.canParse(rpc) ? new URL(rpc) : undefined
  if ((url?.protocol === 'http:' || url?.protocol === 'https:') && url.host !== '') return
  throw new CliError('E_USAGE', `--rpc ${rpc}: must be an http or https URL, e.g. http://127.0.0.1:8545`)
}

/** Throws CliError E_USAGE, E_CONFIG, E_FILE, E_KEY. */
export async function settingsOf(
  options: SettlementOptions,
  mode: 'reads' | 'writes' = 'writes',
): Promise<SettlementSettings> {
  const { config, rpc, contracts, key } = options
  if (config !== undefined) {
    if (rpc !== undefined || contracts !== undefined || key !== undefined)
      throw new CliError('E_USAGE', 'use either --config, or --rpc, --contracts and --key, not both')
    if (config.endsWith('.key'))
      throw new CliError('E_USAGE', `--config ${config}: is a key file; use --key for it`)
    return configSettings(await loadNodeConfig(config))
  }
  const needsKey = mode === 'writes' && key === undefined
  if (rpc === undefined || contracts === undefined || needsKey)
    throw new CliError(
      'E_USAGE',
      `specify the chain with --config <node>, or with --rpc <url> --contracts <file>${mode === 'reads' ? '' : ' --key <file>'}`,
    )
  checkRpc(rpc)
  return {
    rpc,
    place: await loadSettlementFile(contracts),
    key: key === undefined ? NOBODY : await readAccountFile(key),
    confirmations: 2,
  }
}

/** Throws CliError E_CONFIG for a node without `settlement`, or whose contracts are on another chain; E_FILE, E_KEY. */
export async function configSettings({ settlement, file }: NodeConfig): Promise<SettlementSettings> {
  if (settlement === undefined)
    throw new CliError('E_CONFIG', `${file}: has no \`settlement\`; add rpc, chainId, contracts and key`, {
      file,
    })
  const { rpc, chainId, contracts, confirmations } = settlement
  const place = await loadSettlementFile(contracts)
  if (place.chainId !== chainId)
    throw new CliError(
      'E_CONFIG',
      `${file}, settlement.chainId: is ${chainId}, but the contracts of ${contracts} are on chain ${place.chainId}`,
      { file },
    )
  return { rpc, place, key: await readAccountFile(settlement.key), confirmations }
}

/** Throws SettlementError E_RPC, E_CHAIN_ID, E_CONTRACT. */
export async function openSettlement(
  settings: SettlementSettings,
  onTrouble: (what: string) => void,
): Promise<OpenedSettlement> {
  const { rpc, place, key, confirmations } = settings
  const { openClient, Outbox: OutboxOf } = await loadSettlement()
  const client = await openClient({ rpc, chainId: place.chainId, contracts: place.contracts, key })
  const outbox = new OutboxOf(client, { confirmations, onTrouble })
  return { ...settings, client, outbox, close: () => outbox.close() }
}

/** Opens a chain for one command, and closes it again; a signal ends the command with a word about what was sent. */
export async function withSettlement(
  options: SettlementOptions,
  work: (opened: OpenedSettlement) => Promise<void>,
  mode: 'reads' | 'writes' = 'writes',
): Promise<void> {
  const opened = await openSettlement(await settingsOf(options, mode), (what) => warn(new Error(what)))
  if (mode === 'reads') return work(opened).finally(() => opened.close())
  const interruption = onInterrupt(async () => opened.close())
  try {
    await work(opened)
  } catch (error) {
    if (interruption.exitCode === undefined || errorCode(error) !== 'E_RPC') throw error
    warn(new Error('stopped; a transaction that was sent may still be mined: see `tempered settlement show`'))
  } finally {
    opened.close()
    interruption.dispose()
    if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  }
}

/** The same for a node, which retries while the RPC does not answer. Undefined if it is stopped first. Throws the other errors. */
export async function openPatiently(
  settings: SettlementSettings,
  onTrouble: (what: string) => void,
  signal: AbortSignal,
): Promise<OpenedSettlement | undefined> {
  while (!signal.aborted) {
    try {
      return await openSettlement(settings, onTrouble)
    } catch (error) {
      if (errorCode(error) !== 'E_RPC') throw error
      onTrouble(`${errorMessage(error)}; retrying`)
    }
    await sleep(systemClock, RETRY_MS, signal)
  }
  return undefined
}
