import { encodeCanonical, LIMITS, type Run } from '@tempered/protocol'
import { z } from 'zod'
import { writeFileAtomic } from '../files.js'
import { readRunDocument } from '../witness/run-document.js'

/** The changes of a run that a node knows, with the signatures under them, decided or not. */
export interface ChangeStore {
  /** Bytes of changes (`openChange`), in the order in which they were saved. Throws E_STATE_CORRUPT, E_WRONG_RUN, E_IO. */
  load(run: Run): Promise<readonly Uint8Array[]>
  /** On disk (fsync) before it resolves. */
  save(run: Run, changes: readonly Uint8Array[]): Promise<void>
}

export const CHANGES_FILE = 'changes.cbor'

const fileSchema = z.strictObject({
  kind: z.literal('tempered/changes'),
  version: z.literal(1),
  run: z.string(),
  changes: z
    .array(z.custom<Uint8Array>((value) => value instanceof Uint8Array))
    .max(LIMITS.maxChanges + LIMITS.maxPendingChanges),
})

export function createChangeFile(path: string): ChangeStore {
  return {
    async load(run) {
      const changes = await readRunDocument(path, run, {
        schema: fileSchema,
        remedy: 'restore it from a copy, or delete it: the other members know the changes of the run',
        open: (file) => file.changes,
      })
      return changes ?? []
    },
    save: (run, changes) =>
      writeFileAtomic(
        path,
        encodeCanonical({
          kind: 'tempered/changes',
          version: 1,
          run: run.id.toString(),
          changes: [...changes],
        }),
      ),
  }
}

export function createMemoryChanges(): ChangeStore {
  let changes: readonly Uint8Array[] = []
  return {
    load: async () => changes,
    async save(_run, next) {
      changes = next
    },
  }
}
