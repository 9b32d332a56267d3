import type { Run } from '@tempered/protocol'

/** What a node of the current version says to be admitted, with nothing to report, but for the changes. */
export const helloOf = (run: Run, changes: Readonly<Record<string, unknown>> = {}) => ({
  version: 2,
  run: run.id.toString(),
  addresses: [],
  announcements: [],
  head: null,
  evidence: [],
  yourHead: null,
  ...changes,
})
