import { systemClock } from '@tempered/node'
import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, note, warning } = findingsOf('clock')

/** Nobody ran this version before. */
const EARLIEST_MS = Date.UTC(2026, 0, 1)
/** A clock that NTP slews moves by less. */
const MOST_DRIFT_SECONDS = 5

/** The wall clock, which only logs and `status` show: rounds and deadlines follow the monotonic one. */
export function checkClock({ running }: Pick<Patient, 'running'>, nowMs = systemClock.wallMs()): Finding[] {
  const findings: Finding[] = []
  if (nowMs < EARLIEST_MS)
    findings.push(
      warning(
        `the clock says ${new Date(nowMs).toISOString()}, which is before this version was made`,
        'set the clock, e.g. with timedatectl set-ntp true',
      ),
    )
  if (running === undefined) {
    findings.push(note('the clock is compared with that of the running node only'))
  } else {
    const drift = (Date.parse(running.now) - Date.parse(running.startedAt)) / 1000 - running.uptimeSeconds
    findings.push(
      Math.abs(drift) > MOST_DRIFT_SECONDS
        ? warning(
            `the clock was set by about ${drift.toFixed(0)} s since the node started; times in its log jump`,
            'let NTP keep the clock (timedatectl set-ntp true)',
          )
        : ok('the clock has run evenly since the node started'),
    )
  }
  return [
    ...findings,
    note("not compared with the peers' clocks: the protocol carries no times, and needs none"),
  ]
}
