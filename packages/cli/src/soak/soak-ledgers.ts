import { join } from 'node:path'
import {
  type AnnouncementIndex,
  EVIDENCE_FILE,
  errorMessage,
  LEDGER_FILE,
  readEvidenceFile,
  verifyLedgerFile,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { SoakNodeRecord } from './soak-checker.js'

type LedgerRecord = Pick<SoakNodeRecord, 'entries' | 'lastRound' | 'ledgerError' | 'headAt' | 'quarantined'>

/** What the state folder of a stopped node holds; its announcements go into `index`. Never rejects. */
export async function ledgerOf(
  state: string,
  run: Run,
  peer: string,
  index: AnnouncementIndex,
): Promise<LedgerRecord> {
  const heads: string[] = []
  let lastRound = -1
  let ledgerError: string | undefined
  const quarantined: string[] = []
  try {
    const verdict = await verifyLedgerFile(join(state, LEDGER_FILE), (entry) => {
      heads.push(entry.cid.toString())
      lastRound = entry.body.round
      for (const { announcement } of entry.body.neighbours)
        if (announcement !== null) index.note(announcement, peer)
    })
    if (!verdict.ok) ledgerError = verdict.message
    const evidence = await readEvidenceFile(join(state, EVIDENCE_FILE), run)
    quarantined.push(...evidence.map(({ offender }) => offender))
  } catch (error) {
    ledgerError = errorMessage(error)
  }
  return {
    entries: heads.length,
    lastRound,
    ledgerError,
    quarantined,
    headAt: (entries) => heads[entries - 1],
  }
}
