import type { RecordedNode } from '@tempered/lab/measures'

/** Nodes with one attack over the same rounds. */
export interface AttackerGroup {
  readonly attack: string
  /** First and last round of the attack, from 1; null when it lasts for the whole run. */
  readonly rounds: { readonly from: number; readonly to: number | null } | null
  /** Number of nodes in one run; the largest where runs differ. */
  readonly count: number
  /** Their names; empty when they are not the same in every run, as when seeds draw them. */
  readonly names: readonly string[]
}

interface Found {
  readonly attack: string
  readonly rounds: AttackerGroup['rounds']
  /** Names in each run. */
  readonly runs: string[][]
}

/** Collects the attackers and their rounds over the attacked runs of a scenario. */
export class AttackerCount {
  readonly #groups = new Map<string, Found>()

  /** @param planned - rounds of the run */
  add(nodes: readonly RecordedNode[], planned: number): void {
    const inRun = new Map<string, Omit<Found, 'runs'> & { readonly names: string[] }>()
    for (const { name, attack, attackRounds } of nodes) {
      if (attack === null || attackRounds === null) continue
      const rounds = windowOf(attackRounds, planned)
      const key = JSON.stringify([attack, rounds])
      const group = inRun.get(key) ?? { attack, rounds, names: [] }
      group.names.push(name)
      inRun.set(key, group)
    }
    for (const [key, { attack, rounds, names }] of inRun) {
      const found = this.#groups.get(key) ?? { attack, rounds, runs: [] }
      found.runs.push(names)
      this.#groups.set(key, found)
    }
  }

  groups(): AttackerGroup[] {
    return [...this.#groups.values()].map(({ attack, rounds, runs }) => ({
      attack,
      rounds,
      count: Math.max(...runs.map((names) => names.length)),
      names: new Set(runs.map((names) => names.join('\n'))).size === 1 ? runs[0]! : [],
    }))
  }
}

function windowOf([first, last]: readonly [number, number], planned: number): AttackerGroup['rounds'] {
  const toTheEnd = last >= planned - 1
  return first === 0 && toTheEnd ? null : { from: first + 1, to: toTheEnd ? null : last + 1 }
}
