import type { BlockBody } from '@tempered/chain'
import type { Clock } from '../clock.js'
import type { ChainCosts } from '../round/report.js'

/** Adds up what the chain costs a node from report to report. */
export class CostCounter {
  private readonly clock: Pick<Clock, 'monotonicMs'>
  private readonly hashes: () => number
  /** When this node offered its aggregate of a round. */
  private readonly offered = new Map<number, number>()
  private readonly finals: number[] = []
  private authors: string[] = []
  /** Rounds whose blocks became final: a node may go on with one only then. */
  private finished: number[] = []
  private agreeMs: number | null = null
  private hashesBefore = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>, hashes: () => number) {
    this.clock = clock
    this.hashes = hashes
  }

  offer(round: number): void {
    this.offered.set(round, this.clock.monotonicMs())
  }

  adopted(round: number): void {
    this.agreeMs = this.since(round)
  }

  final({ round, author }: Pick<BlockBody, 'round' | 'author'>): void {
    this.authors.push(author)
    const took = this.since(round)
    if (took !== null) this.finals.push(took)
    this.finished.push(round)
  }

  /** Costs since the last call. `wasted`: blocks that are not part of the chain. */
  take(wasted: number): ChainCosts {
    const { agreeMs, finals, authors } = this
    const hashes = this.hashes()
    const costs: ChainCosts = {
      agreeMs,
      finalMs: finals.length === 0 ? null : finals.reduce((sum, ms) => sum + ms, 0) / finals.length,
      wasted,
      hashes: hashes - this.hashesBefore,
      authors,
    }
    this.agreeMs = null
    this.authors = []
    for (const round of this.finished) this.offered.delete(round)
    this.finished = []
    this.finals.length = 0
    this.hashesBefore = hashes
    return costs
  }

  private since(round: number): number | null {
    const begun = this.offered.get(round)
    return begun === undefined ? null : this.clock.monotonicMs() - begun
  }
}
