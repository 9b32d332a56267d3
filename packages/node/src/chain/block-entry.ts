import type { Block } from '@tempered/chain'
import type { Run, SignedEntry } from '@tempered/protocol'
import { candidatesOf } from './proposal.js'

/** The entry of its author's ledger that a block names; undefined if it names none. */
export function entryNamedBy({ body }: Block, run: Run): Block['body']['heads'][number]['entry'] | undefined {
  const member = run.memberIndex.get(body.author)
  return body.heads.find((head) => head.member === member)?.entry
}

/** What a block says otherwise than the entry of its author that it names; undefined if they agree. */
export function checkBlockEntry(block: Block, entry: SignedEntry, run: Run): string | undefined {
  const { round, aggregate, candidates } = block.body
  if (entryNamedBy(block, run)?.equals(entry.cid) !== true || entry.body.round !== round)
    return `it does not name its author's entry of round ${round + 1}`
  if (!entry.body.aggregate.equals(aggregate)) return `its author's aggregate is ${entry.body.aggregate}`
  const named = (list: Block['body']['candidates']) =>
    list.map(({ member, model }) => `${member} ${model}`).join()
  return named(candidates) === named(candidatesOf(entry, run))
    ? undefined
    : 'its candidates are not the models that its author aggregated'
}
