import type { Block } from '@tempered/chain'
import { type CommonChain, errorMessage } from '@tempered/node'
import type { Run, SignedEntry } from '@tempered/protocol'
import type { SealedJob } from '../jobs/job-document.js'
import { type JobResult, judgesOf, resultAt } from '../jobs/outcome.js'

export interface JobJudgeInit {
  readonly run: Run
  readonly job: SealedJob
  readonly common: Pick<CommonChain, 'ledgerTo'>
  readonly signal: AbortSignal
  /** Waits before a ledger that could not be had is asked for again. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /**
   * A result that the chain shows: for every block from the first one on that shows one. Members may know different ledgers
   * for one of them, and then agree about a later one.
   */
  onResult(result: JobResult): void
  onTrouble(what: string): void
}

const ATTEMPTS = 2
const RETRY_MS = 1_000

/** Looks at each final block, in order, whether the job is done. */
export class JobJudge {
  private readonly init: JobJudgeInit
  private readonly chain: Block[] = []
  private last: Promise<void> = Promise.resolve()

  constructor(init: JobJudgeInit) {
    this.init = init
  }

  final(block: Block): void {
    this.chain.push(block)
    const chain = [...this.chain]
    this.last = this.last.then(() => this.judge(chain))
  }

  private async judge(chain: readonly Block[]): Promise<void> {
    if (this.init.signal.aborted) return
    try {
      const ledgers = await this.ledgersOf(chain.at(-1)!)
      const result = resultAt({ ...this.init, chain, ledgers })
      if (result !== undefined) this.init.onResult(result)
    } catch (error) {
      if (!this.init.signal.aborted)
        this.init.onTrouble(
          `block ${chain.at(-1)!.body.height} cannot be judged (${errorMessage(error)}); waiting for the next one`,
        )
    }
  }

  /** Of those that somebody gives: whoever keeps its ledger to itself is not counted. */
  private async ledgersOf(block: Block): Promise<Map<string, readonly SignedEntry[]>> {
    const { run, common, signal } = this.init
    const found = await Promise.all(
      judgesOf(block, run).map(async ({ peerId, entry }) => {
        try {
          return [[peerId, await this.patiently(() => common.ledgerTo(peerId, entry, signal))] as const]
        } catch {
          return []
        }
      }),
    )
    return new Map(found.flat())
  }

  private async patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask()
      } catch (error) {
        if (attempt === ATTEMPTS || this.init.signal.aborted) throw error
        await this.init.sleep(attempt * RETRY_MS, this.init.signal)
      }
    }
  }
}
