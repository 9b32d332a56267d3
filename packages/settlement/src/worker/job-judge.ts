import type { Block } from '@tempered/chain'
import { type Clock, type CommonChain, errorMessage, sleep } from '@tempered/node'
import type { Run, SignedEntry } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { SealedJob } from '../jobs/job-document.js'
import { headsOf, type JobResult, resultAt } from '../jobs/outcome.js'

export interface JobJudgeInit {
  readonly run: Run
  readonly job: SealedJob
  readonly common: Pick<CommonChain, 'ledgerTo'>
  readonly clock: Clock
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
/** Between two attempts to get an entry: another member may have it by now. */
const RETRY_MS = 1_000
/** How often, and how many times, the newest block is judged again while an entry that it names is missing. */
const AGAIN_MS = 30_000
const MOST_AGAIN = 20

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
    this.queue(this.isDue)
  }

  /** The deadline is near: from now on the newest block shows a result, whether or not the job is done. */
  due(): void {
    if (this.isDue) return
    this.isDue = true
    if (this.chain.length > 0) this.queue(true)
  }

  /** Judges the newest block in its turn; blocks that were queued before the deadline came near are judged as then. */
  private queue(isDue: boolean, attempt = 0): void {
    const chain = [...this.chain]
    this.last = this.last.then(() => this.judge(chain, isDue, attempt))
  }

  /** Whoever gives an entry to some members gives it to all in the end, so that all come to the same result. */
  private again(chain: readonly Block[], attempt: number): void {
    const { clock, signal } = this.init
    if (attempt >= MOST_AGAIN || signal.aborted) return
    const cancel = clock.after(AGAIN_MS, () => {
      signal.removeEventListener('abort', cancel)
      if (chain.length === this.chain.length && !signal.aborted) this.queue(this.isDue, attempt + 1)
    })
    signal.addEventListener('abort', cancel, { once: true })
  }

  private async judge(chain: readonly Block[], isDue: boolean, attempt: number): Promise<void> {
    if (this.init.signal.aborted) return
    try {
      const ledgers = await this.ledgersOf(chain)
      const result = resultAt({ ...this.init, chain, ledgers, isDue })
      if (this.withheld.size > 0 && chain.length === this.chain.length) this.again(chain, attempt)
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
    const ledgerTo = (head: CID): Promise<readonly SignedEntry[] | undefined> =>
      common.ledgerTo(peerId, head, limit.signal).catch(() => undefined)
    let longest = await ledgerTo(heads[0]!)
    while (longest === undefined && !limit.signal.aborted) {
      await sleep(clock, RETRY_MS, limit.signal)
      if (!limit.signal.aborted) longest = await ledgerTo(heads[0]!)
    }
    if (longest === undefined) this.withheld.add(peerId)
    else this.withheld.delete(peerId)
    for (const head of heads.slice(1)) {
      // Entries below one that is here are here as well.
      if (longest?.some(({ cid }) => cid.equals(head)) === true) continue
      const ledger = await ledgerTo(head)
      if (ledger !== undefined && ledger.length > (longest?.length ?? 0)) longest = ledger
    }
    limit.clear()
    return longest
  }
}
