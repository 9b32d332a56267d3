import type { Membership } from './membership.js'

/** The key that has taken the place of a member's, through however many changes; undefined when it was not replaced. */
export function successorOf({ decided }: Pick<Membership, 'decided'>, member: string): string | undefined {
  let key = member
  for (const { message, problem } of decided) {
    const { amendment } = message.change
    if (problem === undefined && amendment.kind === 'replace' && amendment.member === key) key = amendment.by
  }
  return key === member ? undefined : key
}
