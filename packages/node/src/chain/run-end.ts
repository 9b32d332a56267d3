import { type Block, signMessage } from '@tempered/chain'
import type { ModelBuffer, Run, Signer } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import type { Notice } from '../round/state.js'
import type { RunNetwork } from '../transport/network.js'
import type { AgreedModels } from './agreed-models.js'
import type { ChainRecords } from './chain-records.js'
import type { Changes } from './changes.js'

/** Kind of the message of a member for which the last round is final; not part of any architecture. */
export const SETTLED = 'settled'

export interface RunEndInit {
  readonly run: Run
  readonly signer: Signer
  readonly network: Pick<RunNetwork, 'publishChainMessage'>
  readonly clock: Clock
  readonly records: ChainRecords
  readonly agreed: AgreedModels
  readonly changes: Changes
  readonly signal: AbortSignal
  /** Connected members. */
  readonly live: ReadonlySet<string>
  onNotice(notice: Notice): void
}

/** How the members of a chain find out that none of them needs the others any more. */
export class RunEnd {
  private readonly init: RunEndInit
  private readonly settled = new Set<string>()
  private final: Block | undefined
  private isSettled = false

  constructor(init: RunEndInit) {
    this.init = init
  }

  /** Another member knows the last block, and has its model. */
  heardFrom(author: string): void {
    this.settled.add(author)
    this.init.changes.notify()
  }

  /** A member has connected that may have missed what was said. */
  neighbourUp(): void {
    if (this.isSettled) this.say()
  }

  /** A block is final. Once it is that of the last round and its model is here, the others need not wait for this node. */
  async finalise(block: Block): Promise<void> {
    this.final = block
    this.init.changes.notify()
    if (this.isSettled || !this.isOver(block)) return
    this.isSettled = true
    await this.init.agreed.aggregateOf(() => block)
    this.say()
  }

  /**
   * The aggregate of the last round, once its block is final and the connected members know it too, or will not;
   * undefined when it did not become final in time. Rejects with E_STOPPED.
   */
  async lastModel(): Promise<ModelBuffer | undefined> {
    const { clock, run, onNotice, changes, live, signal, agreed } = this.init
    const limit = clock.deadline(run.manifest.deadlines.collectMs, signal)
    limit.signal.addEventListener('abort', () => changes.notify(), { once: true })
    const othersAreSettled = (): boolean => [...live].every((peer) => this.settled.has(peer))
    try {
      while (!limit.signal.aborted && !(this.isOver(this.final) && othersAreSettled())) await changes.next()
    } finally {
      limit.clear()
    }
    const { final } = this
    if (final !== undefined && this.isOver(final)) return agreed.aggregateOf(() => final)
    onNotice({ kind: 'unsettled', round: final?.body.round })
    return undefined
  }

  private isOver(final: Block | undefined): boolean {
    return (final?.body.round ?? -1) >= this.init.run.manifest.training.rounds - 1
  }

  private say(): void {
    const { run, signer, network, records } = this.init
    records.afterwards(() => network.publishChainMessage(signMessage(run, { kind: SETTLED }, signer)))
  }
}
