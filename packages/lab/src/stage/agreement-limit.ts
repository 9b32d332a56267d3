import type { Manifest } from '@tempered/protocol'

/** Deadlines of a round after which a scenario gives up on a block. */
const PATIENCE = 5

/** How long a node of a scenario waits for a block, in ms: where too many are gone, nobody starts them again by hand. */
export function agreementLimitMs({ deadlines }: Pick<Manifest, 'deadlines'>): number {
  return PATIENCE * deadlines.collectMs
}
