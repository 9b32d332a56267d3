import { join } from 'node:path'
import { type Block, type ChainMessage, openBlock, openMessage } from '@tempered/chain'
import { documentCid, LIMITS, type Run } from '@tempered/protocol'
import { NodeError } from '../errors.js'
import { openCarLog } from '../ledger/car-log.js'

/** What a member of a chain must not forget: the blocks that it knows, and its own messages. */
export interface ChainStore {
  /** Those of earlier processes, in the order in which they were added: a block comes after its parent. */
  readonly blocks: readonly Block[]
  readonly messages: readonly ChainMessage[]
  /** On disk before it resolves. */
  addBlock(block: Block): Promise<void>
  /** On disk before it resolves, so that the member never contradicts what it has signed. */
  addMessage(message: ChainMessage): Promise<void>
  close(): Promise<void>
}

/** The run's manifest, then every block that the node knows, also of branches that were left. */
export const CHAIN_FILE = 'chain.car'
/** The chain messages that the node has signed. */
export const CHAIN_MESSAGES_FILE = 'chain-messages.car'

/** Opens or creates the chain files of a state folder. Throws E_WRONG_RUN, E_STATE_CORRUPT, E_IO. */
export async function openChainStore(folder: string, run: Run): Promise<ChainStore> {
  const blocks: Block[] = []
  const messages: ChainMessage[] = []
  let sections = 0
  const damaged = (path: string, cause: unknown): NodeError =>
    new NodeError(
      'E_STATE_CORRUPT',
      `${path}: block ${sections} is damaged: ${(cause as Error).message}; restore the file from a copy`,
      { path },
      cause,
    )
  const path = join(folder, CHAIN_FILE)
  const chain = await openCarLog(
    path,
    run.id,
    Math.max(LIMITS.maxManifestBytes, LIMITS.maxBlockBytes),
    ({ bytes }) => {
      sections += 1
      // The first is the manifest, whose CID is the root of the file.
      if (sections === 1) return
      try {
        blocks.push(openBlock(bytes.slice(), run))
      } catch (error) {
        throw damaged(path, error)
      }
    },
  )
  try {
    if (sections === 0) await chain.log.append(run.id, run.bytes)
    const own = join(folder, CHAIN_MESSAGES_FILE)
    const said = await openCarLog(own, run.id, LIMITS.maxChainMessageBytes, ({ bytes }) => {
      try {
        messages.push(openMessage(bytes.slice()))
      } catch (error) {
        throw damaged(own, error)
      }
    })
    return {
      blocks,
      messages,
      addBlock: (block) => chain.log.append(block.cid, block.bytes),
      addMessage: (message) => said.log.append(documentCid(message.bytes), message.bytes),
      async close() {
        await said.log.close()
        await chain.log.close()
      },
    }
  } catch (error) {
    await chain.log.close()
    throw error
  }
}
