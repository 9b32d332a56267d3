import type { RunEvent } from '@tempered/lab/events'

export function stopText(event: RunEvent & { type: 'stopped' }): string {
  const why = event.why === 'seconds' ? 'the time is up' : 'the target is reached'
  const until =
    event.lastRound === null ? 'before the end of the first round' : `after round ${event.lastRound + 1}`
  return `${why} ${until}; the run stops`
}
