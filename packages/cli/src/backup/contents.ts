import { z } from 'zod'

/** The first file of a backup: what is in it, with hashes. */
export const CONTENTS_FILE = 'backup.json'

const file = z.strictObject({
  /** Where it belongs in a node folder. */
  path: z
    .string()
    .regex(
      /^(node\.yaml|swarm\.key|identity(\.next)?\.key|account\.key|manifest\.json|state(\/[A-Za-z0-9._-]+){1,2})$/,
    ),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

export const contentsSchema = z.strictObject({
  format: z.literal('tempered-backup'),
  version: z.literal(1),
  /** ISO 8601, UTC. */
  madeAt: z.iso.datetime(),
  madeBy: z.string().max(64),
  peer: z.string().max(128),
  /** Null for a node that has not taken part in a run. */
  run: z.string().max(128).nullable(),
  entries: z.int().min(0),
  /** The last round with an entry, from 1; null for none. */
  lastRound: z.int().min(1).nullable(),
  files: z.array(file).max(100_000),
})

export type BackupContents = z.infer<typeof contentsSchema>
export type BackupFile = z.infer<typeof file>
