import { z } from 'zod'
import { errorMessage, NodeError } from '../errors.js'
import { readTextIfThere, writeFileAtomic } from '../files.js'

/** What a node must not forget of its private rounds. */
export interface PrivateMemory {
  /** Newest round in which it has said something; −1 before any. It says nothing more in that one after a restart. */
  readonly spoken: number
  /** Peer ids of members that it has found out. */
  readonly refused: readonly string[]
  /** CIDs of what came of its newest private round, until the entry of the round has them. */
  readonly outcome: {
    readonly round: number
    readonly transcript: string
    readonly sum: string | null
  } | null
}

/** Keeps it over restarts. */
export interface PrivateStore {
  /** Whether nothing was kept before. */
  readonly isNew: boolean
  readonly memory: PrivateMemory
  /** Resolves when it is safe. */
  save(memory: PrivateMemory): Promise<void>
}

export const NO_MEMORY: PrivateMemory = { spoken: -1, refused: [], outcome: null }

export const PRIVATE_FILE = 'private.json'

const memorySchema = z.strictObject({
  spoken: z.int().min(-1),
  refused: z.array(z.string().max(64)).max(16_384),
  outcome: z
    .strictObject({
      round: z.int().min(0),
      transcript: z.string().max(128),
      sum: z.string().max(128).nullable(),
    })
    .nullable(),
})

/** In a file, written whole or not at all. Throws E_STATE_CORRUPT, E_IO. */
export async function openPrivateStore(path: string): Promise<PrivateStore> {
  const kept = await readMemory(path)
  let memory = kept ?? NO_MEMORY
  return {
    isNew: kept === undefined,
    get memory() {
      return memory
    },
    async save(next) {
      memory = next
      await writeFileAtomic(path, JSON.stringify(next))
    },
  }
}

async function readMemory(path: string): Promise<PrivateMemory | undefined> {
  const text = await readTextIfThere(path)
  if (text === undefined) return undefined
  try {
    return memorySchema.parse(JSON.parse(text))
  } catch (error) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${path} does not say in which private round this node has spoken last; restore it from a copy. Without it, this node could deal a second time and be convicted: ${errorMessage(error)}`,
      { path },
      error,
    )
  }
}
