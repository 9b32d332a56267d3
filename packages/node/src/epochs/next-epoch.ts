import { isSameEpoch, type Run } from '@tempered/protocol'
import type { Membership } from './membership.js'

/**
 * The round with which a node goes on that is through with the rounds of its epoch, or undefined when there is nothing more to
 * do. A change that holds only later is not waited for: as nobody has a round to work on until then, those are left out.
 *
 * @param round - 0-based round that would be the next one
 */
export function roundOfNextEpoch(
  { at, decided }: Pick<Membership, 'at' | 'decided'>,
  { epoch }: Run,
  round: number,
): number | undefined {
  if (!isSameEpoch(at(round).epoch, epoch)) return round
  const later = decided.map(({ message }) => message.change.from).filter((from) => from > round)
  return later.find((from) => at(from).manifest.training.rounds > from)
}
