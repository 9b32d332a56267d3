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
  /** The first result that the chain shows; once. */
  onResult(result: JobResult): void
  onTrouble(what: string): void
}

const ATTEMPTS = 4
const RETRY_MS = 1_000

/** Looks at each final block, in order, whether the job is done. */
export class JobJudge {
  private readonly init: JobJudgeInit
  private readonly chain: Block[] = []
  private last: Promise<void> = Promise.resolve()
  private isDone = false

  constructor(init: JobJudgeInit) {
    this.init = init
  }

  final(block: Block): void {
    this.chain.push(block)
    const chain = [...this.chain]
    this.last = this.last.then(() => this.judge(chain))
  }

  private async judge(chain: readonly Block[]): Promise<void> {
    if (this.isDone || this.init.signal.aborted) return
    try {
      const ledgers = await this.ledgersOf(chain.at(-1)!)
      const result = resultAt({ ...this.init, chain, ledgers })
      if (result === undefined || this.isDone) return
      this.isDone = true
      this.init.onResult(result)
    } catch (error) {
      if (!this.init.signal.aborted)
        this.init.onTrouble(
          `block ${chain.at(-1)!.body.height} cannot be judged (${errorMessage(error)}); waiting for the next one`,
        )
    }
  }

  /** Of all or of none: members that know different ledgers would sign different results. */
  private async ledgersOf(block: Block): Promise<Map<string, readonly SignedEntry[]>> {
    const { run, common, signal } = this.init
    const ledgers = new Map<string, readonly SignedEntry[]>()
    for (const { peerId, entry } of judgesOf(block, run))
      ledgers.set(peerId, await this.patiently(() => common.ledgerTo(peerId, entry, signal)))
    return ledgers
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
