import type { Run } from '@tempered/protocol'
import { budgetsOf } from '../dist/guard/budgets.js'
import type { NodeGuard } from '../dist/guard/node-guard.js'

/** Deadlines that no benchmark reaches, milliseconds. */
export const DEADLINES = { dialMs: 60_000, firstByteMs: 60_000, transferMs: 600_000 }

/** A stream on which 8 bytes that name a length are answered by that many bytes. */
export const BARE_PROTOCOL = '/tempered/bench/bare/1'

const made = new Map<number, Uint8Array>()

/** `length` bytes that do not compress, the same in both processes. */
export function benchBlob(length: number): Uint8Array {
  const known = made.get(length)
  if (known !== undefined) return known
  const bytes = new Uint8Array(length)
  let state = 1
  for (let k = 0; k < length; k++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[k] = state >>> 24
  }
  made.set(length, bytes)
  return bytes
}

/** A guard that takes everybody for a member. */
export const BENCH_GUARD = {
  budgets: budgetsOf({ manifest: { members: [] } } as unknown as Run),
  connections: { gater: {} },
  isMember: () => true,
} as unknown as Pick<NodeGuard, 'budgets' | 'connections' | 'isMember' | 'strangerRefused'>
