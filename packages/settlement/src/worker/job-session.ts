/** One job from the moment that it is full: trains with the others to the target, settles, and delivers the model. */

import { setMaxListeners } from 'node:events'
import type { Block } from '@tempered/chain'
import { counted, errorMessage } from '@tempered/errors'
import { systemClock } from '@tempered/node'
import { cidFromDigest, RAW, type Run, sha256 } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { bytesToHex, hexToBytes } from 'viem'
import { SettlementAgent } from '../agent/settlement-agent.js'
import { createEventReader } from '../client/event-reader.js'
import { JobEscrow } from '../contracts/artifacts.js'
import type { PostedJob } from '../jobs/job-board.js'
import { openJob, type RunMember, runOfJob, type SealedJob } from '../jobs/job-document.js'
import { type JobResult, metricText } from '../jobs/outcome.js'
import type { Deliveries } from './deliveries.js'
import { JobJudge } from './job-judge.js'
import { type JobWorkerInit, shortId } from './job-site.js'
import { Settling } from './settling.js'

/** How much longer each member waits than the one before it, in ms. */
const COURTESY_MS = 3_000
export const RETRY_MS = 5_000
/** How long a node without a result waits after others have settled. */
const AFTERWARDS_MS = 60_000
/** How long after the settlement the model is offered to the user. */
const DELIVERY_MS = 30 * 86_400_000
/** How long the model of a result may take to come from other members. */
const MODEL_MS = 10_000
/**
 * When this share of a job's time after the last acceptance is left, within these bounds in seconds, its members settle for the
 * completed rounds: the same time for all of them.
 */
const CLOSING_SHARE = 5n
const LEAST_CLOSING_SECONDS = 60n
const MOST_CLOSING_SECONDS = 3_600n

export class JobSession {
  private readonly init: JobWorkerInit
  private readonly deliveries: Deliveries
  private readonly isOver: (job: PostedJob) => Promise<boolean>

  /** `isOver`: whether a job is settled or refunded; it may refund one that is late. */
  constructor(init: JobWorkerInit, deliveries: Deliveries, isOver: (job: PostedJob) => Promise<boolean>) {
    this.init = init
    this.deliveries = deliveries
    this.isOver = isOver
  }

  async train(job: PostedJob): Promise<void> {
    const { client, site, outbox, signal, anchorEvery, sleep, log } = this.init
    const sealed = await this.documentOf(job)
    if (sealed === undefined) return
    const members = membersOf(job)
    const run = runOfJob(sealed, members, {
      chainId: client.wallet.chain.id,
      slashing: client.contracts.slashing,
      job: job.id,
    })
    const position = run.memberIndex.get(site.peerId)
    if (position === undefined)
      throw new Error(
        `account ${client.wallet.account.address} is not bound to this node's peer, ${site.peerId}; use the account that is`,
      )
    const over = new AbortController()
    const either = AbortSignal.any([signal, over.signal])
    setMaxListeners(0, either)
    const agent = new SettlementAgent({
      ...{ run, client, outbox, anchorEvery, sleep, log },
      registered: job.id,
      courtesyMs: position * COURTESY_MS,
    })
    let settling: Settling | undefined
    let judge: JobJudge | undefined
    const early: Block[] = []
    const node = await site.openNode(job.id, run, placesOf(job, run), {
      onHead: (head) => agent.head(head),
      onEvidence: (evidence) => agent.evidence(evidence),
      onFinal: (block) => (judge === undefined ? early.push(block) : judge.final(block)),
      onSaid(author, words) {
        settling?.heard(author, words).catch((error) => log('warn', errorMessage(error)))
      },
    })
    const { common } = node
    if (common === undefined) throw new Error('the run of a job has no common chain')
    settling = new Settling({
      ...{ job, sealed, run, client, outbox, common, position, sleep, log },
      from: job.postedIn,
      signal: either,
    })
    const settled = settling
    let signing: Promise<void> = Promise.resolve()
    const sign = async (result: JobResult): Promise<void> => {
      const limit = systemClock.deadline(MODEL_MS, either)
      const bytes = await common.model(result.model, limit.signal).finally(() => limit.clear())
      // Every signer can deliver.
      if (bytes === undefined)
        return log('warn', `model ${result.model} could not be fetched, so its result is not signed`)
      const current = settled.models.map((digest) => cidFromDigest(RAW, hexToBytes(digest)))
      await site.keepModel(job.id, result.model, bytes, current)
      await settled.propose(result)
    }
    const first = new Promise<JobResult>((resolve) => {
      judge = new JobJudge({
        ...{ run, job: sealed, common, signal: either, clock: systemClock },
        onResult(result) {
          signing = signing
            .then(() => sign(result))
            .catch((error) => log('warn', errorMessage(error)))
            .then(() => {
              if (settled.models.length > 0) resolve(result)
            })
        },
        onTrouble: (what) => log('warn', what),
      })
      for (const block of early) judge.final(block)
    })
    const running = node.run()
    running.catch(() => undefined)
    try {
      const work = first.then((result) => this.conclude(job, sealed, result, settled, position))
      const closing = this.closing(job, either).then(() => judge?.due())
      closing.catch(() => undefined)
      await Promise.race([work, this.overWithout(job, either), failing(running, either)])
    } finally {
      over.abort()
      agent.close()
      await node.stop()
    }
  }

  /** Resolves when a job's deadline is so near that its members should settle. */
  private async closing({ terms }: PostedJob, signal: AbortSignal): Promise<void> {
    const { client, pollMs, sleep, log } = this.init
    const share = (terms.settleUntil - terms.acceptUntil) / CLOSING_SHARE
    const left = share < LEAST_CLOSING_SECONDS ? LEAST_CLOSING_SECONDS : share
    const at = terms.settleUntil - (left < MOST_CLOSING_SECONDS ? left : MOST_CLOSING_SECONDS)
    while (!signal.aborted) {
      try {
        const { timestamp } = await client.reader.getBlock()
        if (timestamp >= at) return
      } catch (error) {
        log('warn', `${errorMessage(error)}; retrying`)
      }
      await sleep(pollMs, signal)
    }
  }

  private async conclude(
    job: PostedJob,
    sealed: SealedJob,
    result: JobResult,
    settling: Settling,
    position: number,
  ): Promise<void> {
    const { site, log, now } = this.init
    const { metric } = sealed.document.target
    log(
      'info',
      `job ${shortId(job.id)}: ${metric} ${metricText(result.metric)} after ${counted(result.rounds, 'round')}; ` +
        (result.freeRiders.length === 0
          ? 'no free riders'
          : `${counted(result.freeRiders.length, 'free rider')}`),
    )
    await settling.settled()
    const judging = settling.judge()
    // The members may have agreed on a later block.
    const model = await this.settledModel(job)
    if (model !== undefined) {
      await site.keepResult(job.id, { ...result, model })
      const delivery = { job: job.id, model, where: job.where, until: now() + DELIVERY_MS }
      await this.deliveries.add(delivery, position * COURTESY_MS)
    }
    await judging
  }

  /** The model of a settled job; undefined for any other job. */
  private async settledModel({ id, postedIn }: PostedJob): Promise<CID | undefined> {
    const { client } = this.init
    const events = createEventReader(client, postedIn)
    const [settled] = await events.of(client.contracts.escrow, JobEscrow.abi, 'Settled', { id })
    return settled && cidFromDigest(RAW, hexToBytes(settled.args.model as `0x${string}`))
  }

  /** Resolves when a job ends although this node has no result: others have settled it, or its deadline has passed. */
  private async overWithout(job: PostedJob, signal: AbortSignal): Promise<void> {
    const { pollMs, sleep, log } = this.init
    while (!signal.aborted) {
      try {
        if (await this.isOver(job)) {
          // This node may be about to have one too, and then has a model to deliver.
          await sleep(AFTERWARDS_MS, signal)
          return
        }
      } catch (error) {
        log('warn', `${errorMessage(error)}; retrying`)
      }
      await sleep(pollMs, signal)
    }
  }

  /** Undefined when the job is over before its document was fetched. */
  private async documentOf(job: PostedJob): Promise<SealedJob | undefined> {
    const { site, signal, sleep, log } = this.init
    const { id, where, terms } = job
    let isReported = false
    while (!signal.aborted && !(await this.isOver(job))) {
      try {
        const kept = await site.kept(id)
        // One that was damaged on disk is fetched again.
        if (kept !== undefined && bytesToHex(sha256(kept)) === terms.task) return openJob(kept, terms.task)
        return openJob(await site.fetchDocument(where, hexToBytes(terms.task), signal), terms.task)
      } catch (error) {
        if (!isReported)
          log(
            'info',
            `job ${shortId(id)}: cannot fetch its document from the user yet (${errorMessage(error)}); retrying`,
          )
        isReported = true
      }
      await sleep(RETRY_MS, signal)
    }
    return undefined
  }
}

/** The members of a job that are bound to a peer, each peer with its first account. */
function membersOf(job: PostedJob): RunMember[] {
  const seen = new Set<string>()
  return job.members.flatMap(({ peerId, account }) => {
    if (peerId === undefined || seen.has(peerId)) return []
    seen.add(peerId)
    return [{ peerId, account }]
  })
}

function placesOf(job: PostedJob, { memberIndex }: Run): string[] {
  return job.members.flatMap(({ peerId, where }) =>
    peerId !== undefined && memberIndex.has(peerId)
      ? where.filter((place) => place.endsWith(`/p2p/${peerId}`))
      : [],
  )
}

/** Rejects when the node fails; a node that has finished keeps serving the others. */
async function failing(running: Promise<void>, signal: AbortSignal): Promise<void> {
  await running
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
