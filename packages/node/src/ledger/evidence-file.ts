import { open } from 'node:fs/promises'
import { documentCid, type Evidence, LIMITS, openEvidence, type Run } from '@tempered/protocol'
import { errorMessage, NodeError } from '../errors.js'
import { CarError, readCarHeader } from './car.js'
import { carSections, readTail, windowedReader } from './car-log.js'
import { isUnwrittenAppend } from './torn-tail.js'

/**
 * The evidence in an `evidence.car`, without changing the file, for reading other nodes' folders. Empty when there is
 * none; the remains of a last append that never completed are skipped. Throws E_STATE_CORRUPT, E_WRONG_RUN, E_IO.
 */
export async function readEvidenceFile(path: string, run: Run): Promise<Evidence[]> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new NodeError('E_IO', `${path}: ${error.message}`, { path }, error)
  })
  if (file === undefined) return []
  const all: Evidence[] = []
  let good = 0
  try {
    const header = await readCarHeader(windowedReader(file))
    good = header.end
    if (!header.root.equals(run.id))
      throw new NodeError(
        'E_WRONG_RUN',
        `${path} belongs to run ${header.root}, not to ${run.id}; give the node another \`state\` folder for this run, or move the old one away`,
        { path },
      )
    for await (const section of carSections(file, header.end, LIMITS.maxEvidenceBytes)) {
      if (!documentCid(section.bytes).equals(section.cid))
        throw new CarError('block does not match its CID', section.start, false)
      all.push(openEvidence(section.bytes.slice(), run))
      good = section.end
    }
  } catch (error) {
    if (error instanceof NodeError) throw error
    const isTail = error instanceof CarError && good > 0
    if (isTail && (error.truncated || isUnwrittenAppend(await readTail(file, good)))) return all
    throw new NodeError(
      'E_STATE_CORRUPT',
      `${path}: ${errorMessage(error)}; restore the file from a copy`,
      { path },
      error,
    )
  } finally {
    await file.close()
  }
  return all
}
