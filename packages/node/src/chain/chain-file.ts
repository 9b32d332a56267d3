import { open } from 'node:fs/promises'
import { type Block, type BlockTree, createBlockTree, openBlock, openChain } from '@tempered/chain'
import { documentCid, LIMITS, openManifest, ProtocolError, type Run } from '@tempered/protocol'
import { type CarSection, readCarHeader, readCarSection } from '../ledger/car.js'
import { windowedReader } from '../ledger/car-log.js'

/** The contents of a chain file, every block of which was checked. */
export interface ChainContents {
  readonly run: Run
  /** The chain, oldest first: its heaviest branch or, where members vote, the newest notarised one. */
  readonly chain: readonly Block[]
  /** Blocks of branches that were left. */
  readonly left: readonly Block[]
  /** The newest block that is final by what follows it; undefined where members vote, whose votes are in the proofs. */
  readonly final: Block | undefined
}

/** Why a chain file is refused: `block` is the number of the section at fault, 0 for the manifest. */
export class ChainFileError extends Error {
  override readonly name = 'ChainFileError'
  readonly block: number

  constructor(block: number, cause: unknown) {
    super((cause as Error).message, { cause })
    this.block = block
  }
}

const MAX_SECTION_BYTES = Math.max(LIMITS.maxManifestBytes, LIMITS.maxBlockBytes)

/**
 * Reads a chain file from its first byte to its last and checks framing, hashes, the manifest, and of every block links,
 * lists, signature and the proof of its architecture. Aggregates are checked by replaying the ledgers. Throws
 * ChainFileError, and what reading a file throws.
 */
export async function readChainFile(path: string): Promise<ChainContents> {
  const file = await open(path, 'r')
  let number = 0
  try {
    const { size } = await file.stat()
    const readAt = windowedReader(file)
    const header = await readCarHeader(readAt)
    let offset = header.end
    const next = async (): Promise<CarSection> => {
      const section = await readCarSection(readAt, offset, MAX_SECTION_BYTES)
      if (!documentCid(section.bytes).equals(section.cid))
        throw new ProtocolError('E_HASH_MISMATCH', `byte ${offset}: block does not match its CID`)
      offset = section.end
      return section
    }
    if (offset >= size) throw new ProtocolError('E_MALFORMED', 'the file has no run manifest')
    const run = openManifest((await next()).bytes.slice())
    if (!run.id.equals(header.root))
      throw new ProtocolError('E_WRONG_RUN', `the root ${header.root} is not the manifest ${run.id}`)
    const tree = openTree(run)
    const blocks: Block[] = []
    while (offset < size) {
      number += 1
      const block = openBlock((await next()).bytes.slice(), run)
      const { missing, added } = tree.add(block, true)
      if (missing !== undefined)
        throw new ProtocolError('E_MALFORMED', `its parent ${missing} does not come before it`)
      if (added.length === 0) throw new ProtocolError('E_MALFORMED', 'it is there twice')
      blocks.push(block)
    }
    return contentsOf(run, tree, blocks)
  } catch (error) {
    throw new ChainFileError(number, error)
  } finally {
    await file.close()
  }
}

function openTree(run: Run): BlockTree<unknown> {
  const spec = run.manifest.chain
  if (spec === undefined)
    throw new ProtocolError('E_MALFORMED', 'this run has no common chain; name the chain.car of one that has')
  const { architecture, params } = openChain(spec)
  return createBlockTree(run, architecture.rules({ run, params }))
}

function contentsOf(run: Run, tree: BlockTree<unknown>, blocks: readonly Block[]): ChainContents {
  const chain = tree.chain()
  const inChain = new Set(chain.map(({ cid }) => cid.toString()))
  return {
    run,
    chain,
    left: blocks.filter(({ cid }) => !inChain.has(cid.toString())),
    final: tree.final,
  }
}
