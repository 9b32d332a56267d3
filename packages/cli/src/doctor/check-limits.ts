import { LEAST_OPEN_FILES, openFilesLimit } from '../open-files.js'
import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, note, warning } = findingsOf('limits')

/** A connection may exist twice for a moment, and each member has a copy of its ledger open. */
const DESCRIPTORS_PER_MEMBER = 3

/** The limit of open files of this shell against what the members of the run need. */
export function checkLimits({ run }: Pick<Patient, 'run'>, limit = openFilesLimit()): Finding[] {
  if (limit === undefined) return [note('this system does not say how many files a process may open')]
  const members = run?.manifest.members.length ?? 1
  const need = LEAST_OPEN_FILES + DESCRIPTORS_PER_MEMBER * members
  const text = `a process of this user may open ${limit} files; the run needs about ${need}`
  return [
    limit >= need
      ? ok(text)
      : warning(text, `raise it: ulimit -n ${need}, or LimitNOFILE= in the unit of systemd`),
  ]
}
