import { FAILPOINTS } from '@tempered/node'
import { createRng } from '@tempered/robust-agg/rng'

/**
 * What happens to a cluster in a soak, drawn from a seed. Half of the nodes, the steady ones, are never disturbed: their memory and
 * descriptors show what strangers, members and the faults of others cost.
 */
export type SoakStep = { readonly afterMs: number } & (
  | { readonly kind: 'operation'; readonly operation: ValidOperation; readonly node: number }
  | { readonly kind: 'invalid'; readonly operation: InvalidOperation; readonly node: number }
  | { readonly kind: 'fault'; readonly fault: SoakFault; readonly node: number }
)

/** What operators and members do every day. */
export const VALID_OPERATIONS = ['status', 'ready', 'metrics', 'verify', 'manifest'] as const
export type ValidOperation = (typeof VALID_OPERATIONS)[number]

/** What nobody may get away with; by a stranger, or with a member's key. */
export const INVALID_OPERATIONS = [
  'nonsense',
  'huge-frame',
  'other-version',
  'other-run',
  'stranger-hello',
  'data-behind-hello',
  'forged-announcement',
  'borrowed-announcement',
  'forged-evidence',
  'unadmitted-status',
  'unadmitted-entries',
  'unknown-author',
  'blob-past-its-end',
  'half-open',
] as const
export type InvalidOperation = (typeof INVALID_OPERATIONS)[number]

export const SOAK_FAULTS = ['kill', 'failpoint', 'stop', 'freeze', 'descriptors', 'full-disk'] as const
export type SoakFaultKind = (typeof SOAK_FAULTS)[number]
export interface SoakFault {
  readonly kind: SoakFaultKind
  /** How long the node is away, frozen or constrained, in milliseconds. */
  readonly forMs: number
  /** For `failpoint`: `<name>:<count>`. */
  readonly failpoint: string | undefined
}

export interface SoakPlanInit {
  readonly seed: number
  readonly nodes: number
}

/** Share of invalid ones among all operations. */
const INVALID_SHARE = 0.1
/** Share of faults among all steps. */
const FAULT_SHARE = 0.04

/** Nodes that are never disturbed: the first half. */
export function steadyNodes(nodes: number): number {
  return Math.ceil(nodes / 2)
}

/** Without end. The same for the same seed, however long the steps take. */
export function* soakSteps({ seed, nodes }: SoakPlanInit): Generator<SoakStep, never> {
  const rng = createRng(seed, 'soak')
  const pick = <T>(items: readonly T[]): T => items[rng.integer(items.length)]!
  const steady = steadyNodes(nodes)
  let faults = 0
  for (;;) {
    const afterMs = 50 + rng.integer(300)
    if (rng.uniform() < FAULT_SHARE) {
      // In turn first, so that a short soak has one of each.
      const kind = faults < SOAK_FAULTS.length ? SOAK_FAULTS[faults]! : pick(SOAK_FAULTS)
      faults += 1
      yield {
        ...{ afterMs, kind: 'fault', node: steady + rng.integer(nodes - steady) },
        fault: {
          kind,
          forMs: 500 + rng.integer(kind === 'freeze' ? 15_000 : 6_000),
          failpoint: kind === 'failpoint' ? `${pick(FAILPOINTS)}:${1 + rng.integer(20)}` : undefined,
        },
      }
    } else if (rng.uniform() < INVALID_SHARE)
      yield { afterMs, kind: 'invalid', operation: pick(INVALID_OPERATIONS), node: rng.integer(nodes) }
    else yield { afterMs, kind: 'operation', operation: pick(VALID_OPERATIONS), node: rng.integer(nodes) }
  }
}
