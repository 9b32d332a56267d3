import { errorMessage } from '../errors.js'

/** Why libp2p cannot listen, for users: its own message begins with advice for programmers. */
export function listenReason(error: unknown): string {
  const text = errorMessage(error)
  if (/EADDRINUSE/.test(text)) return 'another process already listens there'
  if (/EADDRNOTAVAIL/.test(text)) return 'this machine does not have that address'
  const reasons = [...text.matchAll(/^ {2}(\/\S+: .+)$/gm)].map(([, reason]) => reason)
  return reasons.length > 0 ? reasons.join('; ') : text.split('\n', 1)[0]!
}
