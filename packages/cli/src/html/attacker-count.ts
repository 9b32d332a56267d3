import type { RecordedNode } from '../metrics/run-record.js'

/** Nodes with one attack. */
export interface AttackerGroup {
  readonly attack: string
  /** In one run; the largest where runs differ. */
  readonly count: number
  /** Their names; empty when they are not the same in every run, as when seeds draw them. */
  readonly names: readonly string[]
}

/** Gathers who attacks, over the attacked runs of a scenario. */
export class AttackerCount {
  readonly #byAttack = new Map<string, string[][]>()

  add(nodes: readonly RecordedNode[]): void {
    const inRun = new Map<string, string[]>()
    for (const { name, attack } of nodes)
      if (attack !== null) inRun.set(attack, [...(inRun.get(attack) ?? []), name])
    for (const [attack, names] of inRun)
      this.#byAttack.set(attack, [...(this.#byAttack.get(attack) ?? []), names])
  }

  groups(): AttackerGroup[] {
    return [...this.#byAttack].map(([attack, runs]) => ({
      attack,
      count: Math.max(...runs.map((names) => names.length)),
      names: new Set(runs.map((names) => names.join('\n'))).size === 1 ? runs[0]! : [],
    }))
  }
}
