import { counted } from '@tempered/errors'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { Notice } from '../round/state.js'

export interface Awaited {
  readonly round: number
  /** What is waited for, as messages name it. */
  readonly what: 'votes' | 'block'
  isThere(): boolean
  /** Connected members. */
  members(): number
}

/** How often a node says that it waits. */
const REMIND_MS = 10_000
/** After how long that is a notice. */
const NOTICE_MS = 30_000

/** Wakes whoever waits for something about the chain to change. */
export class Changes {
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly signal: AbortSignal
  private readonly onNotice: (notice: Notice) => void
  private waiting: (() => void)[] = []

  constructor(
    init: { readonly clock: Clock; readonly logger: Logger },
    signal: AbortSignal,
    onNotice: (notice: Notice) => void,
  ) {
    this.clock = init.clock
    this.logger = init.logger
    this.signal = signal
    this.onNotice = onNotice
  }

  notify(): void {
    for (const resume of this.waiting.splice(0)) resume()
  }

  /** Resolves when something has changed. Rejects with E_STOPPED. */
  async next(): Promise<void> {
    this.throwIfStopped()
    await new Promise<void>((resolve) => this.waiting.push(resolve))
    this.throwIfStopped()
  }

  throwIfStopped(): void {
    if (this.signal.aborted) throw new NodeError('E_STOPPED', 'the node was stopped')
  }

  /** Says from time to time what it waits for. Rejects with E_STOPPED, and E_NO_AGREEMENT after the limit. */
  async until(awaited: Awaited, limitMs: number): Promise<void> {
    if (awaited.isThere()) return
    const { clock } = this
    const begunMs = clock.monotonicMs()
    const isLate = (): boolean => clock.monotonicMs() - begunMs >= limitMs
    let cancel: () => void = () => undefined
    const arm = (): void => {
      cancel = clock.after(REMIND_MS, () => {
        this.remind(awaited, clock.monotonicMs() - begunMs)
        if (isLate()) this.notify()
        arm()
      })
    }
    arm()
    try {
      while (!awaited.isThere()) {
        await this.next()
        if (isLate() && !awaited.isThere()) throw noAgreement(awaited, limitMs)
      }
    } finally {
      cancel()
    }
  }

  private remind({ round, what, members }: Awaited, waitedMs: number): void {
    const connected = members()
    this.logger.info(
      { round },
      `waiting for the ${what} of round ${round + 1}; ${counted(connected, 'member')} connected`,
    )
    const isDue = waitedMs >= NOTICE_MS && waitedMs < NOTICE_MS + REMIND_MS
    if (isDue)
      this.onNotice({
        kind: 'no-agreement',
        round,
        what,
        seconds: Math.round(waitedMs / 1000),
        members: connected,
      })
  }
}

function noAgreement({ round, what }: Awaited, limitMs: number): NodeError {
  const seconds = Math.round(limitMs / 1000)
  return new NodeError(
    'E_NO_AGREEMENT',
    `no ${what} of round ${round + 1} after ${seconds} s: too few members keep to the protocol of the chain`,
    { round },
  )
}
