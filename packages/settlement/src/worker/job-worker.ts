/**
 * A node that accepts jobs: it looks for open jobs, accepts one that it can train, trains to the target with the others,
 * settles, delivers the model and releases its stake. One job at a time. After a restart it continues its accepted job.
 */

import { counted, errorCode, errorMessage } from '@tempered/errors'
import { formatEther, type Hex } from 'viem'
import type { Outbox } from '../client/outbox.js'
import { JobEscrow, RewardManager } from '../contracts/artifacts.js'
import type { PostedJob } from '../jobs/job-board.js'
import { Bidder } from './bidder.js'
import { Deliveries } from './deliveries.js'
import { JobSession, RETRY_MS } from './job-session.js'
import { type JobWorkerInit, shortId } from './job-site.js'
import { executeVerdicts } from './verdicts.js'

export class JobWorker {
  private readonly init: JobWorkerInit
  private readonly bidder: Bidder
  private readonly deliveries: Deliveries
  private readonly session: JobSession
  /** Jobs that are over and whose stake is released. */
  private readonly released = new Set<Hex>()

  constructor(init: JobWorkerInit) {
    this.init = init
    this.bidder = new Bidder(init)
    this.deliveries = new Deliveries(init)
    this.session = new JobSession(init, this.deliveries, (job) => this.isOver(job))
  }

  /** Works until `signal` aborts. What fails is reported and retried. */
  async run(): Promise<void> {
    const { signal, pollMs, sleep, log } = this.init
    const besides = [executeVerdicts(this.init), this.deliveries.run()]
    while (!signal.aborted) {
      try {
        await this.tidyUp()
        const job = (await this.current()) ?? (await this.bidder.bid())
        if (job !== undefined) await this.carryOut(job)
      } catch (error) {
        if (!signal.aborted) log('warn', `${errorMessage(error)}; retrying`)
      }
      await sleep(pollMs, signal)
    }
    await Promise.all(besides)
  }

  private get account() {
    return this.init.client.wallet.account.address
  }

  private current(): Promise<PostedJob | undefined> {
    return this.init.board.currentOf(this.account)
  }

  private async carryOut(accepted: PostedJob): Promise<void> {
    const { signal, sleep, log } = this.init
    const job = await this.filled(accepted)
    while (job?.state === 'full' && !signal.aborted) {
      try {
        await this.session.train(job)
      } catch (error) {
        if (!signal.aborted) log('warn', `${errorMessage(error)}; retrying`)
      }
      if (await this.isOver(job)) break
      await sleep(RETRY_MS, signal)
    }
    if (signal.aborted) return
    await this.tidyUp()
    log('info', `job ${shortId(accepted.id)} finished`)
  }

  /** Whether a job is settled or refunded; one past its deadline is refunded. */
  private async isOver({ id, terms }: PostedJob): Promise<boolean> {
    const { board, client } = this.init
    const job = await board.find(id)
    if (job === undefined || job.state === 'settled' || job.state === 'refunded') return true
    const { timestamp } = await client.reader.getBlock()
    if (timestamp <= terms.settleUntil) return false
    await this.refund(id)
    return (await board.find(id))?.state === 'refunded'
  }

  /** Releases the stakes of jobs that are over, including those of earlier starts, and claims earnings. */
  private async tidyUp(): Promise<void> {
    const { board } = this.init
    for (const id of await board.acceptedBy(this.account)) {
      if (this.released.has(id)) continue
      const job = await board.find(id)
      if (job?.state !== 'settled' && job?.state !== 'refunded') continue
      await this.release(id)
      this.released.add(id)
    }
    await this.claim()
  }

  /** Waits until the job is full. A job that stays open is refunded, which releases the stakes. */
  private async filled({ id }: PostedJob): Promise<PostedJob | undefined> {
    const { board, client, signal, pollMs, sleep, log } = this.init
    let isFirst = true
    while (!signal.aborted) {
      const job = await board.find(id)
      if (job === undefined || job.state !== 'open') return job
      if (isFirst)
        log('info', `waiting for ${counted(job.terms.members - job.members.length, 'more member')}`)
      isFirst = false
      const { timestamp } = await client.reader.getBlock()
      if (timestamp > job.terms.acceptUntil) await this.refund(id)
      await sleep(pollMs, signal)
    }
    return undefined
  }

  private refund(id: Hex): Promise<void> {
    return this.once({
      address: this.init.client.contracts.escrow,
      abi: JobEscrow.abi,
      functionName: 'refund',
      args: [id],
    })
  }

  private release(id: Hex): Promise<void> {
    return this.once({
      address: this.init.client.contracts.escrow,
      abi: JobEscrow.abi,
      functionName: 'release',
      args: [id],
    })
  }

  /** Claims what this account has earned. */
  private async claim(): Promise<void> {
    const { client, log } = this.init
    const rewards = { address: client.contracts.rewards, abi: RewardManager.abi } as const
    const owed = await client.reader.readContract({ ...rewards, functionName: 'owed', args: [this.account] })
    if (owed === 0n) return
    await this.once({ ...rewards, functionName: 'claim', args: [this.account] })
    log('info', `claimed ${formatEther(owed)}`)
  }

  /** A call that another account, or an earlier start of this node, may already have made. */
  private async once(call: Parameters<Outbox['send']>[0]): Promise<void> {
    try {
      await this.init.outbox.send(call)
    } catch (error) {
      if (errorCode(error) !== 'E_REVERTED') throw error
    }
  }
}
