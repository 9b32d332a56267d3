import type { Block } from '@tempered/chain'
import { type Clock, type CommonChain, errorMessage } from '@tempered/node'
import type { Run, SignedEntry } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { SealedJob } from '../jobs/job-document.js'
import { headsOf, type JobResult, resultAt } from '../jobs/outcome.js'

export interface JobJudgeInit {
  readonly run: Run
  readonly job: SealedJob
  readonly common: Pick<CommonChain, 'ledgerTo'>
  readonly clock: Pick<Clock, 'deadline'>
  readonly signal: AbortSignal
  /**
   * A result that the chain shows: for every block from the first one on that shows one. Members may know different ledgers
   * for one of them, and then agree about a later one.
   */
  onResult(result: JobResult): void
  onTrouble(what: string): void
}

/** How long to wait for a member's ledger; and for that of a member who did not provide it for an earlier block. */
const PATIENCE_MS = 20_000
const IMPATIENCE_MS = 1_000

/** Checks for each final block, in order, whether the job is done. */
export class JobJudge {
  private readonly init: JobJudgeInit
  private readonly chain: Block[] = []
  /** Members whose ledgers could not be fetched the last time: they must not delay all the others. */
  private readonly withheld = new Set<string>()
  private last: Promise<void> = Promise.resolve()
  private isDue = false

  constructor(init: JobJudgeInit) {
    this.init = init
  }

  final(block: Block): void {
    this.chain.push(block)
    const chain = [...this.chain]
    this.last = this.last.then(() => this.judge(chain))
  }

  /** The deadline is near: from now on the newest block shows a result, whether or not the job is done. */
  due(): void {
    if (this.isDue) return
    this.isDue = true
    const chain = [...this.chain]
    if (chain.length > 0) this.last = this.last.then(() => this.judge(chain))
  }

  private async judge(chain: readonly Block[]): Promise<void> {
    if (this.init.signal.aborted) return
    try {
      const ledgers = await this.ledgersOf(chain)
      const result = resultAt({ ...this.init, chain, ledgers, isDue: this.isDue })
      if (result !== undefined) this.init.onResult(result)
    } catch (error) {
      if (!this.init.signal.aborted)
        this.init.onTrouble(
          `block ${chain.at(-1)!.body.height} cannot be evaluated (${errorMessage(error)}); waiting for the next one`,
        )
    }
  }

  /** Only ledgers that can be fetched: a member who withholds its ledger is not counted. */
  private async ledgersOf(chain: readonly Block[]): Promise<Map<string, readonly SignedEntry[]>> {
    const found = await Promise.all(
      [...headsOf(chain, this.init.run)].map(async ([peerId, heads]) => {
        const ledger = await this.longest(peerId, heads)
        return ledger === undefined ? [] : [[peerId, ledger] as const]
      }),
    )
    return new Map(found.flat())
  }

  /** The longest ledger of a member that can be fetched, among those that blocks name. */
  private async longest(peerId: string, heads: readonly CID[]): Promise<readonly SignedEntry[] | undefined> {
    const { common, clock, signal } = this.init
    const limit = clock.deadline(this.withheld.has(peerId) ? IMPATIENCE_MS : PATIENCE_MS, signal)
    let longest: readonly SignedEntry[] | undefined
    let isNewestHere = true
    for (const head of heads) {
      // Entries below one that is here are here as well.
      if (longest?.some(({ cid }) => cid.equals(head)) === true) continue
      try {
        const ledger = await common.ledgerTo(peerId, head, limit.signal)
        if (ledger.length > (longest?.length ?? 0)) longest = ledger
      } catch {
        if (head === heads[0]) isNewestHere = false
      }
    }
    limit.clear()
    if (isNewestHere) this.withheld.delete(peerId)
    else this.withheld.add(peerId)
    return longest
  }
}
