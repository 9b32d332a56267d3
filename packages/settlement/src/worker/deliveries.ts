/** Delivers models to the users who have paid for them, and retries until they have them: a user may be offline for days. */

import { errorMessage } from '@tempered/errors'
import type { DeliveryAnswer } from '@tempered/node'
import type { Hex } from 'viem'
import { type Delivery, type JobWorkerInit, shortId } from './job-site.js'

/** Between two attempts, ms: twice as long after each. */
const FIRST_WAIT_MS = 5_000
const LONGEST_WAIT_MS = 600_000
const TEXTS: Readonly<Record<DeliveryAnswer, string>> = {
  taken: 'model delivered to the user',
  have: 'the user already has the model',
  busy: 'the user is receiving the model from another member',
  refused: 'the user does not accept the model yet',
}

interface Open {
  readonly delivery: Delivery
  /** When to retry, and how long to wait after that, in ms. */
  at: number
  waitMs: number
  isReported: boolean
}

export class Deliveries {
  private readonly init: Pick<JobWorkerInit, 'site' | 'signal' | 'sleep' | 'pollMs' | 'log' | 'now'>
  private readonly open = new Map<Hex, Open>()

  constructor(init: Deliveries['init']) {
    this.init = init
  }

  /** `courtesyMs`: how long this member lets those before it go first. Rejects if it cannot be saved to disk. */
  async add(delivery: Delivery, courtesyMs: number): Promise<void> {
    await this.init.site.owe(delivery)
    this.note(delivery, courtesyMs)
  }

  /** Works until the signal aborts. */
  async run(): Promise<void> {
    const { site, signal, sleep, pollMs, now, log } = this.init
    for (const delivery of await site.undelivered()) if (!this.open.has(delivery.job)) this.note(delivery, 0)
    while (!signal.aborted) {
      for (const one of [...this.open.values()])
        if (one.at <= now() && !signal.aborted)
          await this.attempt(one).catch((error) => log('warn', errorMessage(error)))
      await sleep(pollMs, signal)
    }
  }

  private note(delivery: Delivery, delayMs: number): void {
    const at = this.init.now() + delayMs
    this.open.set(delivery.job, { delivery, at, waitMs: FIRST_WAIT_MS, isReported: false })
  }

  private async attempt(one: Open): Promise<void> {
    const { site, signal, now, log } = this.init
    const { job, model, where, until } = one.delivery
    const bytes = await site.modelOf(job, model)
    if (bytes === undefined || now() > until) return this.close(job)
    try {
      const answer = await site.deliver(where, model, bytes, signal)
      log('info', `job ${shortId(job)}: ${TEXTS[answer]}`)
      if (answer === 'taken' || answer === 'have') return await this.close(job)
    } catch (error) {
      if (signal.aborted) return
      // Once is enough: a user may be offline for days.
      if (!one.isReported)
        log(
          'info',
          `job ${shortId(job)}: cannot reach the user yet (${errorMessage(error)}); the model is kept, retrying`,
        )
      one.isReported = true
    }
    one.at = now() + one.waitMs
    one.waitMs = Math.min(2 * one.waitMs, LONGEST_WAIT_MS)
  }

  private async close(job: Hex): Promise<void> {
    this.open.delete(job)
    await this.init.site.delivered(job)
  }
}
