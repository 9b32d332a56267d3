import {
  decodeHead,
  encodeCanonical,
  type FinalHead,
  finalityQuorum,
  LIMITS,
  ProtocolError,
  type Run,
  verifyCosignature,
  verifyHead,
  viewOfHead,
} from '@tempered/protocol'
import { z } from 'zod'
import { writeFileAtomic } from '../files.js'
import { readRunDocument } from './run-document.js'

/**
 * The newest final heads that a node knows, with their co-signatures: for inclusion proofs, and to detect truncated
 * ledgers. A lost file costs proofs, never safety.
 */
export const FINALS_FILE = 'finals.cbor'

/** A final head as in files and replies. */
export const finalHeadSchema = z.strictObject({
  head: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  cosignatures: z
    .array(
      z.strictObject({
        head: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
        index: z.int().min(0),
        path: z.array(z.custom<Uint8Array>((value) => value instanceof Uint8Array)).max(64),
      }),
    )
    .max(LIMITS.maxMembers),
})

export function packFinal({ head, cosignatures }: FinalHead): z.infer<typeof finalHeadSchema> {
  return {
    head: head.bytes,
    cosignatures: cosignatures.map(({ head, index, path }) => ({ head, index, path: [...path] })),
  }
}

const fileSchema = z.strictObject({
  kind: z.literal('tempered/finals'),
  version: z.literal(1),
  run: z.string(),
  finals: z.array(finalHeadSchema),
})

export function writeFinals(path: string, run: Run, finals: readonly FinalHead[]): Promise<void> {
  const file = {
    kind: 'tempered/finals',
    version: 1,
    run: run.id.toString(),
    finals: finals.map(packFinal),
  }
  return writeFileAtomic(path, encodeCanonical(file), 0o644, false)
}

/**
 * Final heads from a file; empty when there is no file. Checks every signature, and that there are enough of them.
 * Throws E_WRONG_RUN, E_STATE_CORRUPT, E_IO.
 */
export async function readFinals(path: string, run: Run): Promise<FinalHead[]> {
  const finals = await readRunDocument(path, run, {
    schema: fileSchema,
    remedy: 'delete it, or restore it from a copy',
    open: (file) => file.finals.flatMap((packed) => openKnown(packed, run)),
  })
  return finals ?? []
}

/** A final head, or none where it is of an epoch that is not known here: a lost one costs proofs, never safety. */
function openKnown(packed: z.infer<typeof finalHeadSchema>, run: Run): FinalHead[] {
  try {
    return [openFinal(packed, run)]
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'E_EPOCH') return []
    throw error
  }
}

/** @param run - in any epoch; that of the head must be known. Throws ProtocolError and RangeError unless all signatures are genuine and form a quorum. */
export function openFinal(packed: z.infer<typeof finalHeadSchema>, run: Run): FinalHead {
  const head = decodeHead(packed.head)
  verifyHead(head)
  const view = viewOfHead(head.body, run)
  const signers = new Set([head.body.author])
  for (const cosignature of packed.cosignatures) signers.add(verifyCosignature(cosignature, head.body, view))
  const quorum = finalityQuorum(view.manifest.members.length)
  if (signers.size < quorum)
    throw new RangeError(`${signers.size} signatures, but a final head needs ${quorum}`)
  return { head, cosignatures: packed.cosignatures }
}
