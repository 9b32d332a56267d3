import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BlobLookup, packMisbehaviourProof, writeNewFile } from '@tempered/node'
import { accuseEntry, type Run } from '@tempered/protocol'
import { makeFolder } from '@tempered/train'
import { CliError } from '../errors.js'
import type { Names } from '../terminal/peer-names.js'
import type { Misdeed } from './ledger-evidence.js'

/** Writes proof files to a folder, which it creates if necessary. */
export interface ProofWriter {
  /** Path of the proof file, which may already exist with the same bytes. Throws E_FILE if it exists with others. */
  write(run: Run, misdeed: Misdeed, blobs: BlobLookup): Promise<string>
}

/**
 * @param severalRuns whether proofs of several runs go to the folder; their names then begin with the end of the run id
 */
export function createProofWriter(folder: string, names: Names, severalRuns: boolean): ProofWriter {
  return {
    async write(run, misdeed, blobs) {
      const [evidence, parent] =
        misdeed.kind === 'wrong-round'
          ? [accuseEntry(misdeed.wrong.entry), misdeed.wrong.parent]
          : [misdeed.evidence, undefined]
      const parts = await packMisbehaviourProof(run, evidence, parent, blobs)
      const name = (names.get(evidence.offender) ?? evidence.offender.slice(-8)).replace(/[^\w.-]/g, '_')
      await makeFolder(folder)
      const prefix = severalRuns ? `${run.id.toString().slice(-8)}-` : ''
      const path = join(folder, `${prefix}${name}-round-${evidence.round + 1}-${evidence.kind}.car`)
      if (!(await writeNewFile(path, parts)) && !Buffer.concat(parts).equals(await readFile(path))) {
        throw new CliError(
          'E_FILE',
          `${path} already exists and differs; name another folder with --proofs`,
          {
            path,
          },
        )
      }
      return path
    },
  }
}
