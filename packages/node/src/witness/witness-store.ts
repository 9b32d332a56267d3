import { decodeHead, encodeCanonical, type Run, type SignedHead, verifyHead } from '@tempered/protocol'
import { z } from 'zod'
import { writeFileAtomic } from '../files.js'
import { readRunDocument } from './run-document.js'

/** The newest witnessed head of a member, with the nodes of its ledger's compact Merkle range. */
export interface WitnessedState {
  readonly head: SignedHead
  readonly nodes: readonly Uint8Array[]
}

/** The heads that a node has witnessed, so that it never co-signs another history after a restart. */
export interface WitnessStore {
  load(): readonly WitnessedState[]
  /** On disk (fsync) before it resolves. */
  save(states: readonly WitnessedState[]): Promise<void>
}

export const WITNESS_FILE = 'witnessed.cbor'

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array)
const fileSchema = z.strictObject({
  kind: z.literal('tempered/witnessed'),
  version: z.literal(1),
  run: z.string(),
  heads: z.array(z.strictObject({ head: bytes, nodes: z.array(bytes).max(64) })),
})

/** Reads the witnessed heads; empty when there is no file. Throws E_STATE_CORRUPT, E_WRONG_RUN, E_IO. */
export async function openWitnessStore(path: string, run: Run): Promise<WitnessStore> {
  const states = await readRunDocument(path, run, {
    schema: fileSchema,
    remedy: 'restore it from a copy, or delete it: this node then starts to witness again',
    open: ({ heads }) =>
      heads.map(({ head, nodes }): WitnessedState => {
        const decoded = decodeHead(head)
        verifyHead(decoded)
        return { head: decoded, nodes }
      }),
  })
  return {
    load: () => states ?? [],
    save: (next) =>
      writeFileAtomic(
        path,
        encodeCanonical({
          kind: 'tempered/witnessed',
          version: 1,
          run: run.id.toString(),
          heads: next.map(({ head, nodes }) => ({ head: head.bytes, nodes: [...nodes] })),
        }),
      ),
  }
}
