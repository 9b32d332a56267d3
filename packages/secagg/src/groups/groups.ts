/**
 * Who shares with whom: the members of a run in groups, drawn anew in each round, so that whoever wants to be together with certain
 * others cannot.
 *
 * All members are one group where there are fewer than twice the size; otherwise there are as many groups as fit, of at least the
 * size and less than twice of it, and sizes differ by at most one.
 */

import { createRng } from '@tempered/robust-agg/rng'
import { SecaggError } from '../errors.js'

/**
 * The groups of a round: lists of member places in ascending order.
 *
 * @param members - how many there are
 * @param size - of a group, at least 3
 * @param seed - of the run
 * Throws SecaggError E_SHARING_PARAMS.
 */
export function groupsOf(members: number, size: number, seed: number | string, round: number): number[][] {
  if (!Number.isInteger(size) || size < 3 || !Number.isInteger(members) || members < size)
    throw new SecaggError(
      'E_SHARING_PARAMS',
      `groups of ${size} cannot be drawn from ${members} members; a group has at least 3, and a run at least one group`,
      { members, size },
    )
  const count = Math.floor(members / size)
  const order = Array.from({ length: members }, (_, member) => member)
  if (count > 1) createRng('privacy groups', seed, round).shuffle(order)
  const groups = Array.from({ length: count }, (): number[] => [])
  for (const [k, member] of order.entries()) groups[k % count].push(member)
  for (const group of groups) group.sort((a, b) => a - b)
  return groups.sort((a, b) => a[0] - b[0])
}
