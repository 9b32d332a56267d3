import { randomBytes } from 'node:crypto'
import { encodeCanonical, sha256 } from '@tempered/protocol'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import { readTextIfThere, writeFileAtomic } from '../files.js'

/** A description of a node's training data that distinguishes two data sets. */
export interface DataDescription {
  /** Name of the source, e.g. `mnist-embedded`. */
  readonly source: string
  /** SHA-256 of the source's training set, hexadecimal. */
  readonly sourceSha256: string
  /** Training samples of this node. */
  readonly samples: number
  /** SHA-256 of their indices in the source as little-endian uint32, hexadecimal. */
  readonly indicesSha256: string
}

export const DATA_COMMITMENT_FILE = 'data-commitment.json'

const fileSchema = z.strictObject({
  salt: z.string().regex(/^[0-9a-f]{64}$/),
  description: z.strictObject({
    source: z.string(),
    sourceSha256: z.string(),
    samples: z.int().min(0),
    indicesSha256: z.string(),
  }),
})

export function describeData(source: string, sourceSha256: string, indices: Uint32Array): DataDescription {
  const bytes = new Uint8Array(4 * indices.length)
  const view = new DataView(bytes.buffer)
  for (const [k, index] of indices.entries()) view.setUint32(4 * k, index, true)
  const indicesSha256 = Buffer.from(sha256(bytes)).toString('hex')
  return { source, sourceSha256, samples: indices.length, indicesSha256 }
}

/**
 * SHA-256 over 32 secret random bytes and the description: the ledger contains it, and it reveals nothing about the
 * data until the owner shows the file (mode 0600) with salt and description. The salt is kept as long as the
 * description is the same; other data gets a new one. Throws E_STATE_CORRUPT, E_IO.
 */
export async function commitToData(path: string, description: DataDescription): Promise<Uint8Array> {
  const held = await readCommitment(path)
  if (held !== undefined && sameDescription(held.description, description)) {
    return commitment(Buffer.from(held.salt, 'hex'), description)
  }
  const salt = randomBytes(32)
  const file = { salt: salt.toString('hex'), description }
  await writeFileAtomic(path, `${JSON.stringify(file, null, 2)}\n`, 0o600)
  return commitment(salt, description)
}

function commitment(salt: Uint8Array, description: DataDescription): Uint8Array {
  return sha256(salt, encodeCanonical(description))
}

function sameDescription(a: DataDescription, b: DataDescription): boolean {
  return Buffer.compare(encodeCanonical(a), encodeCanonical(b)) === 0
}

async function readCommitment(path: string): Promise<z.infer<typeof fileSchema> | undefined> {
  const text = await readTextIfThere(path)
  if (text === undefined) return undefined
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${path} is damaged: restore it from a copy, or delete it; without it this node cannot prove what data it committed to`,
      { path },
      error,
    )
  }
}
