/**
 * Named points before and after every durable or network step of a round. A test can kill a node at one of them:
 * `TEMPERED_FAILPOINT=entry.after-append:3` ends the process with SIGKILL when it reaches that point for the third
 * time.
 */
export const FAILPOINTS = [
  'model.before-store',
  'announcement.before-record',
  'announcement.after-record',
  'announcement.after-publish',
  'aggregate.before-store',
  'entry.before-append',
  'entry.after-append',
  'blobs.before-retain',
  'head.before-sign',
  'head.before-publish',
  'head.after-publish',
] as const

/** In private rounds, before a word is said. */
export const PRIVATE_FAILPOINTS = [
  'private.before-deal',
  'private.before-answers',
  'private.before-distances',
  'private.before-masked',
  'private.before-vote',
  'private.before-opening',
  'private.before-combined',
] as const
export type Failpoint = (typeof FAILPOINTS)[number] | (typeof PRIVATE_FAILPOINTS)[number]

const ALL: readonly Failpoint[] = [...FAILPOINTS, ...PRIVATE_FAILPOINTS]

export interface Failpoints {
  /** Called at the point. Usually does nothing. */
  hit(point: Failpoint): Promise<void> | void
}

export const noFailpoints: Failpoints = { hit: () => undefined }

/** Failpoints that end the process. Throws RangeError for a setting that is not `<name>` or `<name>:<count>`. */
export function killAt(setting: string): Failpoints {
  const [name, count = '1'] = setting.split(':')
  const point = ALL.find((known) => known === name)
  if (point === undefined || !/^[1-9]\d{0,6}$/.test(count)) {
    throw new RangeError(
      `TEMPERED_FAILPOINT=${setting}: must be one of ${ALL.join(', ')}, optionally with :<count> for the count-th time`,
    )
  }
  let left = Number(count)
  return {
    hit(reached) {
      if (reached !== point) return undefined
      left -= 1
      // Not exit(): no further code may run, as in a power failure.
      if (left > 0) return undefined
      process.kill(process.pid, 'SIGKILL')
      return new Promise(() => undefined)
    },
  }
}
