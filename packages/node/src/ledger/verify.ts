import { open } from 'node:fs/promises'
import {
  createChainVerifier,
  documentCid,
  LIMITS,
  openManifest,
  ProtocolError,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { errorCode, errorMessage } from '../errors.js'
import { CarError, readCarHeader } from './car.js'
import { carSections, windowedReader } from './car-log.js'

/** What checking a ledger file found. */
export type LedgerVerdict =
  | {
      readonly ok: true
      readonly path: string
      readonly run: Run
      readonly author: string | undefined
      readonly entries: number
      readonly head: CID
    }
  | {
      readonly ok: false
      readonly path: string
      /** Height of the first bad entry; −1 for the header or the manifest. */
      readonly entry: number
      readonly code: string
      readonly message: string
    }

/**
 * Reads a ledger file from its first byte to its last and checks framing, hashes, the manifest, links, order,
 * limits and every signature, the neighbours' announcements included. `visit` sees each entry that passed.
 * `neighboursOf` is the run's topology, made from the manifest by the caller.
 */
export async function verifyLedgerFile(
  path: string,
  visit: (entry: SignedEntry, run: Run) => void = () => undefined,
  neighboursOf?: (run: Run) => (peer: string) => readonly string[],
): Promise<LedgerVerdict> {
  const file = await open(path, 'r')
  // The block that is being checked: −1 is the manifest, 0 the first entry.
  let entry = -1
  try {
    const header = await readCarHeader(windowedReader(file))
    const blocks = carSections(file, header.end, Math.max(LIMITS.maxManifestBytes, LIMITS.maxEntryBytes))
    let run: Run | undefined
    let verifier: ReturnType<typeof createChainVerifier> | undefined
    for await (const section of blocks) {
      if (!documentCid(section.bytes).equals(section.cid)) {
        return {
          ok: false,
          path,
          entry,
          code: 'E_HASH_MISMATCH',
          message: `byte ${section.start}: block does not match its CID`,
        }
      }
      const bytes = section.bytes.slice()
      if (run === undefined) {
        run = openManifest(bytes)
        if (!run.id.equals(header.root)) {
          return {
            ok: false,
            path,
            entry,
            code: 'E_WRONG_RUN',
            message: `the root ${header.root} is not the manifest ${run.id}`,
          }
        }
        verifier = createChainVerifier(run, undefined, neighboursOf?.(run))
      } else {
        const accepted = verifier!.accept(bytes)
        visit(accepted, run)
      }
      entry += 1
    }
    if (run === undefined || verifier === undefined) {
      return { ok: false, path, entry, code: 'E_MALFORMED', message: 'the file holds no run manifest' }
    }
    return {
      ok: true,
      path,
      run,
      author: verifier.last?.body.author,
      entries: verifier.length,
      head: verifier.head,
    }
  } catch (error) {
    // Whatever else is thrown (by `visit`, by the disk) says nothing about the ledger.
    if (!(error instanceof ProtocolError || error instanceof CarError)) throw error
    return { ok: false, path, entry, code: errorCode(error), message: errorMessage(error) }
  } finally {
    await file.close()
  }
}
