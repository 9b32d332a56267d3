import type { Run, VerifySignature } from '@tempered/protocol'
import type { ChainRules } from './architecture.js'
import { type Block, checkLink, openBlock } from './block.js'

/** Checks a chain block by block, oldest first, as a stranger does: with nothing but the manifest and the bytes. */
export interface ChainChecker<S> {
  /** The newest block that was accepted; undefined before the first. */
  readonly last: Block | undefined
  /** What follows from the blocks so far. */
  readonly standing: S
  /**
   * Takes the next block. Throws ProtocolError or ChainError for one that is damaged, does not follow the last one, or
   * breaks the rules of the architecture.
   */
  accept(bytes: Uint8Array): Block
}

export function createChainChecker<S>(
  run: Run,
  rules: ChainRules<S>,
  verify?: VerifySignature,
): ChainChecker<S> {
  const blocks: Block[] = []
  let standing = rules.genesis
  return {
    get last() {
      return blocks.at(-1)
    },
    get standing() {
      return standing
    },
    accept(bytes) {
      const block = openBlock(bytes, run, verify)
      const parent = blocks.at(-1)
      checkLink(block, { run, parent })
      const before = {
        block: parent,
        standing,
        ancestor: (back: number) => blocks[blocks.length - 1 - back],
      }
      rules.check(block, before)
      standing = rules.after(block, before)
      blocks.push(block)
      return block
    },
  }
}
