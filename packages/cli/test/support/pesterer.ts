import { randomIdentity, systemClock, withMember } from '@tempered/node'
import { STREAM_PROTOCOLS } from '@tempered/protocol'

const DEADLINES = { dialMs: 60_000, firstByteMs: 60_000, transferMs: 600_000 }

/**
 * A stranger with keys without number: it connects, says hello, is refused, stays for as long as it may but at most
 * `stayMs`, and comes again as somebody else, until `signal` aborts.
 * @returns how often it was connected
 */
export async function pester(address: string, stayMs: number, signal: AbortSignal): Promise<number> {
  let times = 0
  while (!signal.aborted) {
    const call = { clock: systemClock, deadlines: DEADLINES, signal }
    await withMember(randomIdentity(), address, call, async (peer, direct) => {
      times += 1
      await direct.request(peer, STREAM_PROTOCOLS.hello, {}, signal)
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', end)
          resolve()
        }
        const timer = setTimeout(end, stayMs)
        signal.addEventListener('abort', end)
      })
    }).catch(() => undefined)
  }
  return times
}
