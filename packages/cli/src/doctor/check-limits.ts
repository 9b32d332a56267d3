import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, note, warning } = findingsOf('limits')

/** Files, sockets of libraries, worker threads, and the node's own log and ledgers. */
const OTHER_DESCRIPTORS = 128
/** A connection may exist twice for a moment, and each member has a copy of its ledger open. */
const DESCRIPTORS_PER_MEMBER = 3

/** The limit of open files of this shell against what the members of the run need. */
export function checkLimits({ run }: Pick<Patient, 'run'>, limit = openFilesLimit()): Finding[] {
  if (limit === undefined) return [note('this system does not say how many files a process may open')]
  const members = run?.manifest.members.length ?? 1
  const need = OTHER_DESCRIPTORS + DESCRIPTORS_PER_MEMBER * members
  const text = `a process of this user may open ${limit} files; the run needs about ${need}`
  return [
    limit >= need
      ? ok(text)
      : warning(text, `raise it: ulimit -n ${need}, or LimitNOFILE= in the unit of systemd`),
  ]
}

function openFilesLimit(): number | undefined {
  // The names of all interfaces and peers are not wanted; looking them up may take long.
  Object.assign(process.report ?? {}, { excludeNetwork: true })
  const { userLimits } = (process.report?.getReport() ?? {}) as {
    userLimits?: { open_files?: { soft?: number | string } }
  }
  const soft = userLimits?.open_files?.soft
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : typeof soft === 'number' ? soft : undefined
}
