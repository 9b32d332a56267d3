import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { decodeAnnouncement, decodeEntry, LIMITS, type SignedEntry } from '@tempered/protocol'
import { readCarHeader } from './car.js'
import { carSections, windowedReader } from './car-log.js'
import { ANNOUNCEMENTS_FILE } from './ledger.js'

/**
 * The entries of a ledger file, oldest first, one in memory at a time. Fields are checked, hashes and signatures are
 * not: for files that `verifyLedgerFile` has passed. Throws CarError, ProtocolError.
 */
export async function* ledgerEntries(path: string): AsyncGenerator<SignedEntry> {
  let manifest = true
  const maxBytes = Math.max(LIMITS.maxManifestBytes, LIMITS.maxEntryBytes)
  for await (const bytes of blocks(path, maxBytes)) {
    if (!manifest) yield decodeEntry(bytes)
    manifest = false
  }
}

/**
 * The author of a ledger without entries: that of the first announcement next to it; undefined when there is none.
 */
export async function announcementsAuthor(ledgerPath: string): Promise<string | undefined> {
  try {
    const path = join(dirname(ledgerPath), ANNOUNCEMENTS_FILE)
    for await (const bytes of blocks(path, LIMITS.maxAnnouncementBytes)) {
      return decodeAnnouncement(bytes).body.author
    }
  } catch {
    // A missing or damaged file does not identify the author.
  }
  return undefined
}

async function* blocks(path: string, maxBytes: number): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { end } = await readCarHeader(windowedReader(file))
    for await (const section of carSections(file, end, maxBytes)) yield section.bytes.slice()
  } finally {
    await file.close()
  }
}
