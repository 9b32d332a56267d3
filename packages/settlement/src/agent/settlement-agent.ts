/**
 * Acts for a node on the chain: anchors heads of its ledger, and submits evidence. This happens in the background; rounds
 * never wait for it. Nothing is remembered over a restart: the contracts are read before anything is sent.
 */

import { errorCode, errorMessage } from '@tempered/errors'
import type { Evidence, Run, SignedHead } from '@tempered/protocol'
import { type Address, bytesToHex, type Hex } from 'viem'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import { RunRegistry, SlashingManager } from '../contracts/artifacts.js'
import { contractStatement, statementFields } from '../typed-data.js'
import { type Contradiction, contradictionIn, punishment } from './evidence-bringer.js'

export interface SettlementAgentInit {
  readonly run: Run
  readonly client: SettlementClient
  readonly outbox: Outbox
  /** The run's id in the RunRegistry, under which heads are anchored; undefined: none are anchored. */
  readonly registered: Hex | undefined
  /** Number of entries between two anchored heads. */
  readonly anchorEvery: number
  /** How long this member lets those before it go first, in ms, so that not all submit the same evidence. */
  readonly courtesyMs: number
  sleep(ms: number, signal: AbortSignal): Promise<void>
  log(level: 'info' | 'warn', what: string): void
}

/** Between two attempts, in ms. */
const RETRY_MS = 60_000

export class SettlementAgent {
  private readonly init: SettlementAgentInit
  private readonly controller = new AbortController()
  /** Entries under the newest head that was anchored or is being anchored. */
  private anchored = 0
  private readonly accused = new Set<string>()
  private readonly work = new Set<Promise<void>>()

  constructor(init: SettlementAgentInit) {
    this.init = init
  }

  /** The node has published a head of its own ledger. */
  head({ body: { height, entry } }: SignedHead): void {
    const { registered, anchorEvery } = this.init
    const entries = height + 1
    if (registered === undefined || entries < this.anchored + anchorEvery) return
    this.anchored = entries
    this.begin(`anchoring entry ${entries}`, () => this.anchor(registered, entries, entry.multihash.digest))
  }

  /** The node holds evidence; it is submitted if a contract can check it. */
  evidence(evidence: Evidence): void {
    const found = contradictionIn(evidence, this.init.run)
    if (found === undefined || this.accused.has(found.offender)) return
    this.accused.add(found.offender)
    this.begin(`submitting evidence against ${found.peerId}`, () => this.accuse(found))
  }

  /** Gives up what is not done. A pending transaction ends with the outbox. */
  close(): void {
    this.controller.abort()
  }

  /** Resolves when nothing is pending. */
  async idle(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work)
  }

  private async anchor(id: Hex, entries: number, digest: Uint8Array): Promise<void> {
    const { client, outbox, log } = this.init
    const { reader, wallet, contracts } = client
    const registry = { address: contracts.runs, abi: RunRegistry.abi } as const
    const account = wallet.account.address
    const before = await reader.readContract({
      ...registry,
      functionName: 'anchoredHeight',
      args: [id, account],
    })
    if (before >= BigInt(entries)) return
    const { blockNumber } = await outbox.send({
      ...registry,
      functionName: 'anchor',
      args: [id, BigInt(entries), bytesToHex(digest)],
    })
    log('info', `entry ${entries} of this node's ledger is anchored in block ${blockNumber}`)
  }

  private async accuse(found: Contradiction): Promise<void> {
    const { client, outbox, courtesyMs, sleep, log } = this.init
    await sleep(courtesyMs, this.controller.signal)
    if (this.controller.signal.aborted || (await this.isPunished(found))) return
    const bounty: Address = client.wallet.account.address
    const { blockNumber } = await outbox.send(punishment(found, client.contracts, bounty))
    log('info', `${found.peerId} was slashed for a contradiction in block ${blockNumber}`)
  }

  private async isPunished({ offender, statements: [first, second] }: Contradiction): Promise<boolean> {
    const { reader, contracts } = this.init.client
    const slashing = { address: contracts.slashing, abi: SlashingManager.abi } as const
    const id = await reader.readContract({
      ...slashing,
      functionName: 'contradictionId',
      args: [offender, statementFields(contractStatement(first)), statementFields(contractStatement(second))],
    })
    return reader.readContract({ ...slashing, functionName: 'isPunished', args: [id] })
  }

  /** Retries until it is done or rejected: an RPC that does not answer and an account without coins are waited for. */
  private begin(what: string, attempt: () => Promise<void>): void {
    const { sleep, log } = this.init
    const { signal } = this.controller
    const persist = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          return await attempt()
        } catch (error) {
          if (signal.aborted) return
          const passes = errorCode(error) !== 'E_REVERTED'
          log('warn', `${what} failed: ${errorMessage(error)}${passes ? '; retrying in a minute' : ''}`)
          if (!passes) return
          await sleep(RETRY_MS, signal)
        }
      }
    }
    const task = persist().finally(() => this.work.delete(task))
    this.work.add(task)
  }
}
