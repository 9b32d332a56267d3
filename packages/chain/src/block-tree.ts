import type { Run } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Branch, ChainRules, ChainView } from './architecture.js'
import { type Block, checkLink } from './block.js'
import { ChainError } from './errors.js'

/** Blocks that wait for their parent. */
const MAX_ORPHANS = 1024

/** All valid blocks that are known, and which of them are the chain. */
export interface BlockTree<S> extends ChainView<S> {
  /**
   * Checks a block and adds it, with those that waited for it. Throws ChainError for an invalid one; blocks that wait
   * for it and turn out to be invalid are dropped. `isRight`: what only its models show, such as its aggregate, is known
   * to be right; other blocks are not the chain until `judge` says so.
   */
  add(block: Block, isRight: boolean): Added
  has(cid: string): boolean
  /** Whether final blocks exclude this one, although others have made it final or are about to. */
  isApart(cid: CID): boolean
  /** How many blocks follow this one on the longest branch above it, whether or not they are the chain. */
  depthOf(cid: CID): number
  /** Whether a block is right in what only its models show; if not, neither it nor what follows it is the chain. */
  judge(cid: CID, isRight: boolean): readonly Block[]
  /** The newest final block; undefined before the first. */
  readonly final: Block | undefined
  /** Members have voted for this block: the chain contains it from now on. Throws ChainError E_CHAIN_SPLIT. */
  finalise(cid: CID): void
  /** The blocks of the chain, oldest first, from height `from` (1 for all) to the head. */
  chain(from?: number): Block[]
}

export interface Added {
  /** The block and those that waited for it, in the order in which they were added; empty if it waits itself. */
  readonly added: readonly Block[]
  /** The block that is missing, if this one waits. */
  readonly missing?: CID
  /** Blocks that are no longer part of the chain, newest first. */
  readonly left: readonly Block[]
}

interface Orphan {
  readonly block: Block
  readonly isRight: boolean
}

interface Place<S> extends Branch<S> {
  readonly block: Block
  readonly parent: Place<S> | undefined
  /** Of the whole branch. */
  readonly weight: number
  isRight: boolean
  /** It and all blocks before it are right. */
  isEligible: boolean
}

export function createBlockTree<S>(run: Run, rules: ChainRules<S>): BlockTree<S> {
  const places = new Map<string, Place<S>>()
  /** By the parent that they wait for. */
  const orphans = new Map<string, Orphan[]>()
  let waiting = 0
  const root: Branch<S> = { block: undefined, standing: rules.genesis, ancestor: () => undefined }
  let head: Place<S> | undefined
  let final: Place<S> | undefined

  const place = (block: Block, parent: Place<S> | undefined, isRight: boolean): Place<S> => {
    const before = parent ?? root
    checkLink(block, { run, parent: parent?.block })
    rules.check(block, before)
    const added: Place<S> = {
      block,
      parent,
      standing: rules.after(block, before),
      weight: (parent?.weight ?? 0) + rules.weight(block, before),
      isRight,
      isEligible: isRight && parent?.isEligible !== false,
      ancestor(back) {
        let at: Place<S> | undefined = added
        for (let k = 0; k < back && at !== undefined; k++) at = at.parent
        return at?.block
      },
    }
    places.set(block.cid.toString(), added)
    return added
  }

  /** The heaviest branch that contains what is final; of equally heavy ones that with the lower CID. */
  const isBetter = (place: Place<S>): boolean => {
    if (!place.isEligible) return false
    if (final !== undefined && !follows(place, final)) return false
    if (head === undefined || (final !== undefined && !follows(head, final))) return true
    if (place.weight !== head.weight) return place.weight > head.weight
    return place.block.cid.toString() < head.block.cid.toString()
  }

  /** Makes it the head. Returns the blocks that are left. */
  const moveTo = (place: Place<S>): Block[] => {
    const left: Block[] = []
    for (let at = head; at !== undefined && !follows(place, at); at = at.parent) left.push(at.block)
    head = place
    confirm()
    return left
  }

  const confirm = (): void => {
    const { confirmations } = rules
    if (confirmations === undefined || head === undefined) return
    let at: Place<S> | undefined = head
    for (let k = 0; k < confirmations && at !== undefined; k++) at = at.parent
    if (at !== undefined && (final === undefined || at.block.body.height > final.block.body.height))
      final = at
  }

  const judge = (cid: CID, isRight: boolean): Block[] => {
    const at = places.get(cid.toString())
    if (at === undefined || at.isRight === isRight || (final !== undefined && follows(final, at))) return []
    at.isRight = isRight
    // Parents come before their children.
    for (const place of places.values())
      place.isEligible = place.isRight && place.parent?.isEligible !== false
    const left = head === undefined ? [] : branchOf(head)
    if (head?.isEligible === false) head = final
    for (const other of places.values()) if (isBetter(other)) head = other
    confirm()
    return left.filter((block) => !isOnChain(block.cid))
  }

  const adopt = (parent: CID): Orphan[] => {
    const name = parent.toString()
    const children = orphans.get(name) ?? []
    orphans.delete(name)
    waiting -= children.length
    return children
  }

  const wait = (block: Block, isRight: boolean): void => {
    const name = block.body.parent.toString()
    const others = orphans.get(name) ?? []
    if (waiting >= MAX_ORPHANS || others.some((other) => other.block.cid.equals(block.cid))) return
    orphans.set(name, [...others, { block, isRight }])
    waiting += 1
  }

  return {
    get head() {
      return head ?? root
    },
    get final() {
      return final?.block
    },
    has: (cid) => places.has(cid),
    isApart(cid) {
      const at = places.get(cid.toString())
      return (
        at !== undefined &&
        final !== undefined &&
        at.block.body.height > final.block.body.height &&
        !follows(at, final)
      )
    },
    depthOf: (cid) => depthAbove(places.get(cid.toString()), places.values()),
    get: (cid) => (cid.equals(run.id) ? root : places.get(cid.toString())),
    add(block, isRight) {
      if (places.has(block.cid.toString())) return { added: [], left: [] }
      const parent = places.get(block.body.parent.toString())
      if (parent === undefined && !block.body.parent.equals(run.id)) {
        wait(block, isRight)
        return { added: [], missing: block.body.parent, left: [] }
      }
      const added: Block[] = []
      const left: Block[] = []
      const settle = (at: Place<S>): void => {
        added.push(at.block)
        if (isBetter(at)) left.push(...moveTo(at))
        for (const child of adopt(at.block.cid)) {
          let next: Place<S>
          try {
            next = place(child.block, at, child.isRight)
          } catch {
            continue
          }
          settle(next)
        }
      }
      settle(place(block, parent, isRight))
      return { added, left: left.filter(({ cid }) => !isOnChain(cid)) }
    },
    judge,
    finalise(cid) {
      const at = places.get(cid.toString())
      if (at === undefined || at === final) return
      if (final !== undefined && follows(final, at)) return
      if (final !== undefined && !follows(at, final)) throw split(final.block, at.block)
      final = at
      if (head === undefined || !follows(head, at)) {
        head = at
        for (const other of places.values()) if (isBetter(other)) head = other
      }
    },
    chain(from = 1) {
      const blocks: Block[] = []
      for (let at = head; at !== undefined && at.block.body.height >= from; at = at.parent)
        blocks.push(at.block)
      return blocks.reverse()
    },
  }

  function isOnChain(cid: CID): boolean {
    const at = places.get(cid.toString())
    return at !== undefined && head !== undefined && follows(head, at)
  }
}

/** Whether `at` is `below`, or follows it. */
function follows<S>(at: Place<S>, below: Place<S>): boolean {
  let place: Place<S> | undefined = at
  while (place !== undefined && place.block.body.height > below.block.body.height) place = place.parent
  return place === below
}

/** The blocks of a branch, newest first. */
function branchOf<S>(end: Place<S>): Block[] {
  const blocks: Block[] = []
  for (let at: Place<S> | undefined = end; at !== undefined; at = at.parent) blocks.push(at.block)
  return blocks
}

/** Length of the longest branch above a block. */
function depthAbove<S>(below: Place<S> | undefined, places: Iterable<Place<S>>): number {
  let depth = 0
  if (below === undefined) return depth
  for (const place of places) {
    const above = place.block.body.height - below.block.body.height
    if (above > depth && follows(place, below)) depth = above
  }
  return depth
}

function split(a: Block, b: Block): ChainError {
  const { height } = b.body
  return new ChainError(
    'E_CHAIN_SPLIT',
    `block ${height} of ${b.body.author} is final, and so is block ${a.body.height} of ${a.body.author}, which excludes it: more members lie than this architecture bears`,
    { final: a.cid, other: b.cid },
  )
}
