import type { Block } from '@tempered/chain'
import { type Clock, sleep } from '../clock.js'
import type { Logger } from '../logger.js'
import type { BlockChecker } from './block-checker.js'

export interface BlockJudgeInit {
  readonly checker: Pick<BlockChecker, 'check'>
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Blocks that follow one before it is final; undefined where members vote. */
  readonly confirmations: number | undefined
  /** How many blocks follow one by now. */
  depthOf(block: Block): number
}

/** How often, and after how long, a block that cannot be checked is looked at again. */
const LOOKS = 20
const LOOK_MS = 1_000

/**
 * Whether a block is right. A member that was away finds blocks whose models nobody keeps any more. They count as right
 * once as many blocks follow as make a block final: most of the work or stake has built on them then. Of newer ones the
 * models are still there, unless somebody withholds them.
 */
export async function judgeBlock(
  block: Block,
  { checker, clock, logger, signal, confirmations, depthOf }: BlockJudgeInit,
): Promise<boolean> {
  const about = { peer: block.body.author, height: block.body.height }
  for (let look = 1; !signal.aborted; look++) {
    const finding = await checker.check(block, signal)
    if (finding !== 'unproven') return finding === 'right'
    if (confirmations !== undefined && depthOf(block) >= confirmations) {
      logger.info(
        about,
        'a block is taken without computing it again: its models are gone, and others built on it',
      )
      return true
    }
    if (look === LOOKS) {
      logger.warn(about, 'block refused: the models that it names cannot be had')
      return false
    }
    await sleep(clock, LOOK_MS, signal)
  }
  return false
}
