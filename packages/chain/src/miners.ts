import { counter } from '@tempered/protocol'
import { z } from 'zod'

/** Parameter of architectures in which only some members write blocks; the others may be clients alone. */
export const minersField = z
  .array(counter)
  .max(16_384)
  .default([])
  .describe('Indices of the members that write blocks; all of them if empty.')

export function isMiner(miners: readonly number[], member: number | undefined): boolean {
  return member !== undefined && (miners.length === 0 || miners.includes(member))
}
