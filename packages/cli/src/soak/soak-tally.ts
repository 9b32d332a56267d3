import type { Outcome } from './invalid-operations.js'
import type { SoakRecord } from './soak-checker.js'
import {
  INVALID_OPERATIONS,
  type InvalidOperation,
  SOAK_FAULTS,
  type SoakFaultKind,
  VALID_OPERATIONS,
  type ValidOperation,
} from './soak-plan.js'

/** Counts of what a soak has done so far. */
export interface SoakTally extends Pick<SoakRecord, 'faults' | 'operations' | 'invalid' | 'failures'> {
  fault(kind: SoakFaultKind): void
  done(operation: ValidOperation): void
  failed(operation: ValidOperation, why: string): void
  outcome(operation: InvalidOperation, outcome: Outcome): void
  /** Something failed that is no operation. */
  failure(why: string): void
  totals(): { readonly faults: number; readonly operations: number; readonly invalid: number }
}

export function createSoakTally(): SoakTally {
  const faults = zeros(SOAK_FAULTS, () => 0)
  const operations = zeros(VALID_OPERATIONS, () => ({ done: 0, failed: 0 }))
  const invalid = zeros(INVALID_OPERATIONS, () => ({ refused: 0, accepted: 0 }))
  const failures: string[] = []
  return {
    ...{ faults, operations, invalid, failures },
    fault(kind) {
      faults[kind] += 1
    },
    done(operation) {
      operations[operation].done += 1
    },
    failed(operation, why) {
      operations[operation].failed += 1
      failures.push(why)
    },
    outcome(operation, outcome) {
      if (outcome !== 'skipped') invalid[operation][outcome] += 1
    },
    failure: (why) => void failures.push(why),
    totals: () => ({
      faults: total(Object.values(faults)),
      operations: total(Object.values(operations).map(({ done }) => done)),
      invalid: total(Object.values(invalid).map(({ refused }) => refused)),
    }),
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0)
}

function zeros<K extends string, V>(keys: readonly K[], make: () => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, make()])) as Record<K, V>
}
