/**
 * A node that takes jobs: looks for open ones, accepts what it can train, trains with the others until the target, settles,
 * hands the model over and frees its stake. One job at a time. After a restart it goes on with the job that it has accepted.
 */

import { setMaxListeners } from 'node:events'
import type { Block } from '@tempered/chain'
import { counted, errorCode, errorMessage } from '@tempered/errors'
import type { DeliveryAnswer, NodeEvents, TemperedNode } from '@tempered/node'
import { cidFromDigest, peerIdFromPublicKey, RAW, type Run } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { formatEther, type Hex, hexToBytes } from 'viem'
import { SettlementAgent } from '../agent/settlement-agent.js'
import { createEventReader } from '../client/event-reader.js'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import { JobEscrow, RewardManager, StakingRegistry } from '../contracts/artifacts.js'
import { SettlementError } from '../errors.js'
import type { JobBoard, PostedJob } from '../jobs/job-board.js'
import { PLACE_SEPARATOR } from '../jobs/job-board.js'
import {
  checkTerms,
  openJob,
  type RunMember,
  runOfJob,
  type SealedJob,
  sampleRunOf,
} from '../jobs/job-document.js'
import type { JobResult } from '../jobs/outcome.js'
import { JobJudge } from './job-judge.js'
import { Settling } from './settling.js'
import { executeVerdicts } from './verdicts.js'

/** Which jobs a node takes. */
export interface JobPolicy {
  /** The least that a member gets if the target is reached after the most rounds, in wei. */
  readonly leastFee: bigint
  /** The most that a job may lock of its stake, in wei. */
  readonly mostStake: bigint
  readonly mostRounds: number
  /** Parameters of the model. */
  readonly mostParameters: number
  /** Samples that a member trains on in all rounds together. */
  readonly mostSamples: number
  /** Until when it must be settled, from now, in seconds. */
  readonly mostSeconds: number
}

/** What a worker needs of the node around it. */
export interface JobSite {
  /** This node's peer id. */
  readonly peerId: string
  /** Multiaddrs of the node in a run, with its peer id. */
  readonly where: readonly string[]
  fetchDocument(where: readonly string[], digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** Rejects with the reason when this node's data or software do not fit. */
  check(job: SealedJob, members: number): Promise<void>
  /** A document that was kept for this job; undefined for none. */
  kept(job: Hex): Promise<Uint8Array | undefined>
  keep(job: Hex, document: Uint8Array): Promise<void>
  openNode(job: Hex, run: Run, members: readonly string[], events: NodeEvents): Promise<TemperedNode>
  /** Hands a model to the user. */
  deliver(
    where: readonly string[],
    model: CID,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<DeliveryAnswer>
  keepModel(job: Hex, result: JobResult, model: Uint8Array): Promise<void>
}

export interface JobWorkerInit {
  readonly client: SettlementClient
  readonly outbox: Outbox
  readonly board: JobBoard
  readonly policy: JobPolicy
  /** A block before any job of interest. */
  readonly from: bigint
  readonly site: JobSite
  /** Every how many rounds a head of the ledger is anchored. */
  readonly anchorEvery: number
  readonly signal: AbortSignal
  /** Between two looks at the chain, in ms. */
  readonly pollMs: number
  sleep(ms: number, signal: AbortSignal): Promise<void>
  log(level: 'info' | 'warn', what: string): void
}

interface SoldModel {
  readonly model: CID
  readonly bytes: Uint8Array
}

/** What each member leaves to the one before it, in ms. */
const COURTESY_MS = 3_000
const DELIVERY_ATTEMPTS = 3
const DELIVERY_RETRY_MS = 5_000
/** How long a node that knows no result waits after others have settled. */
const AFTERWARDS_MS = 60_000
/** For all addresses of a user together. */
const DOCUMENT_MS = 10_000
const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 600_000
/** Learning rates with which models change, and stay finite. */
const LEARNING_RATES = { least: 1e-6, most: 100 } as const
const DELIVERY_TEXTS: Readonly<Record<DeliveryAnswer, string>> = {
  taken: 'the user has got the model',
  have: 'the user has the model already',
  busy: 'others are sending the model to the user; trying again',
  refused: 'the user does not want the model yet; trying again',
}

const shortId = (id: Hex): string => id.slice(0, 10)

export class JobWorker {
  private readonly init: JobWorkerInit
  /** Jobs that this node does not take, whatever happens. */
  private readonly declined = new Set<Hex>()
  /** Jobs whose document could not be fetched: when to ask again, and how long to wait then, in ms. */
  private readonly later = new Map<Hex, { readonly at: number; readonly waitMs: number }>()
  /** Jobs that are over and whose stake is free. */
  private readonly released = new Set<Hex>()
  private isStakeless = false

  constructor(init: JobWorkerInit) {
    this.init = init
  }

  /** Works until `signal` aborts. Whatever fails is reported and tried again. */
  async run(): Promise<void> {
    const { signal, pollMs, sleep, log } = this.init
    const verdicts = executeVerdicts(this.init)
    while (!signal.aborted) {
      try {
        await this.tidyUp()
        const job = (await this.current()) ?? (await this.bid())
        if (job !== undefined) await this.carryOut(job)
      } catch (error) {
        if (!signal.aborted) log('warn', `${errorMessage(error)}; going on`)
      }
      await sleep(pollMs, signal)
    }
    await verdicts
  }

  private get account() {
    return this.init.client.wallet.account.address
  }

  private current(): Promise<PostedJob | undefined> {
    return this.init.board.currentOf(this.account)
  }

  /** Accepts the first open job that this node can do; undefined if there is none. */
  private async bid(): Promise<PostedJob | undefined> {
    const { board, outbox, client, site, log } = this.init
    const isOut = (id: Hex): boolean =>
      this.declined.has(id) || (this.later.get(id)?.at ?? 0) > performance.now()
    for (const job of await board.open(isOut)) {
      const sealed = await this.consider(job)
      if (sealed === undefined) continue
      // First: a node that stops in between goes on without the user.
      await site.keep(job.id, sealed.bytes)
      try {
        await outbox.send({
          address: client.contracts.escrow,
          abi: JobEscrow.abi,
          functionName: 'accept',
          args: [job.id, site.where.join(PLACE_SEPARATOR)],
        })
      } catch (error) {
        if (errorCode(error) !== 'E_REVERTED') throw error
        log('info', `job ${shortId(job.id)} was not taken: ${errorMessage(error)}`)
        continue
      }
      log('info', `job ${shortId(job.id)} accepted`)
      return board.find(job.id)
    }
    return undefined
  }

  /** The document of a job that this node would take; undefined for any other. */
  private async consider(job: PostedJob): Promise<SealedJob | undefined> {
    const { policy, site, signal, log } = this.init
    const { terms } = job
    const decline = (why: string): undefined => {
      this.declined.add(job.id)
      log('info', `job ${shortId(job.id)} is not for this node: ${why}`)
      return undefined
    }
    const fee = (terms.baseFee + terms.roundFee * BigInt(terms.mostRounds)) / BigInt(terms.members)
    if (fee < policy.leastFee)
      return decline(
        `it pays ${formatEther(fee)} at most, and this node asks for ${formatEther(policy.leastFee)}`,
      )
    if (terms.stake > policy.mostStake)
      return decline(
        `it locks ${formatEther(terms.stake)}, and this node stakes at most ${formatEther(policy.mostStake)}`,
      )
    if (terms.mostRounds > policy.mostRounds)
      return decline(
        `it may take ${terms.mostRounds} rounds, and this node trains at most ${policy.mostRounds}`,
      )
    if (!(await this.hasStake(terms.stake))) return undefined
    const { timestamp } = await this.init.client.reader.getBlock()
    const seconds = terms.settleUntil - timestamp
    if (seconds > BigInt(policy.mostSeconds))
      return decline(`it may take ${seconds} seconds, and this node gives at most ${policy.mostSeconds}`)
    let document: Uint8Array
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(DOCUMENT_MS)])
      document = await site.fetchDocument(job.where, hexToBytes(terms.task), limit)
    } catch (error) {
      const waitMs = Math.min(2 * (this.later.get(job.id)?.waitMs ?? FIRST_WAIT_MS / 2), LONGEST_WAIT_MS)
      this.later.set(job.id, { at: performance.now() + waitMs, waitMs })
      log(
        'warn',
        `job ${shortId(job.id)}: its document could not be fetched, will retry (${errorMessage(error)})`,
      )
      return undefined
    }
    try {
      const sealed = openJob(document, terms.task)
      checkTerms(sealed, terms)
      checkWork(sealed, terms.members, policy)
      await site.check(sealed, terms.members)
      return sealed
    } catch (error) {
      return decline(errorMessage(error))
    }
  }

  private async hasStake(needed: bigint): Promise<boolean> {
    const { client, site, log } = this.init
    const { peerKey, staked, locked } = await client.reader.readContract({
      address: client.contracts.stakes,
      abi: StakingRegistry.abi,
      functionName: 'memberOf',
      args: [this.account],
    })
    const isRegistered = BigInt(peerKey) !== 0n
    if (isRegistered && toPeerId(peerKey) !== site.peerId) {
      if (!this.isStakeless)
        log(
          'warn',
          `account ${this.account} is bound to peer ${toPeerId(peerKey)}, but this node is ${site.peerId}: it takes no jobs; use the account of this peer, or the key of that one`,
        )
      this.isStakeless = true
      return false
    }
    const isEnough = isRegistered && staked - locked >= needed
    if (!isEnough && !this.isStakeless)
      log(
        'warn',
        isRegistered
          ? `${formatEther(staked - locked)} of this account's stake is free, but a job needs ${formatEther(needed)}; add to it with \`tempered settlement stake\``
          : `account ${this.account} has no stake, so it takes no jobs; stake with \`tempered settlement stake\``,
      )
    this.isStakeless = !isEnough
    return isEnough
  }

  private async carryOut(accepted: PostedJob): Promise<void> {
    const { signal, sleep, log } = this.init
    const job = await this.filled(accepted)
    while (job?.state === 'full' && !signal.aborted) {
      try {
        await this.train(job)
      } catch (error) {
        if (!signal.aborted) log('warn', `${errorMessage(error)}; trying again`)
      }
      if (await this.isOver(job)) break
      await sleep(DELIVERY_RETRY_MS, signal)
    }
    if (signal.aborted) return
    await this.tidyUp()
    log('info', `job ${shortId(accepted.id)} is over`)
  }

  /** Whether a job is settled or refunded; one that is late is refunded. */
  private async isOver({ id, terms }: PostedJob): Promise<boolean> {
    const { board, client } = this.init
    const job = await board.find(id)
    if (job === undefined || job.state === 'settled' || job.state === 'refunded') return true
    const { timestamp } = await client.reader.getBlock()
    if (timestamp <= terms.settleUntil) return false
    await this.refund(id)
    return (await board.find(id))?.state === 'refunded'
  }

  /** Frees the stakes of jobs that are over, also of earlier starts, and takes what was earned. */
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

  /** Waits until all places are taken. A job that stays open is refunded, which frees the stakes. */
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

  private async train(job: PostedJob): Promise<void> {
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
        `the peer of account ${this.account} is not ${site.peerId}; register this node's own peer with its account`,
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
    const first = new Promise<JobResult>((resolve) => {
      judge = new JobJudge({
        ...{ run, job: sealed, common, signal: either, sleep },
        onResult(result) {
          resolve(result)
          settled.propose(result).catch((error) => log('warn', errorMessage(error)))
        },
        onTrouble: (what) => log('warn', what),
      })
      for (const block of early) judge.final(block)
    })
    let sold: SoldModel | undefined
    const running = node.run()
    running.catch(() => undefined)
    try {
      const work = first.then(async (result) => {
        sold = await this.conclude(job, sealed, result, settled, node)
      })
      await Promise.race([work, this.overWithout(job, either), failing(running, either)])
    } finally {
      over.abort()
      agent.close()
      await node.stop()
    }
    if (sold !== undefined) await this.deliver(job, sold, position)
  }

  private async conclude(
    job: PostedJob,
    sealed: SealedJob,
    result: JobResult,
    settling: Settling,
    node: TemperedNode,
  ): Promise<SoldModel | undefined> {
    const { site, signal, log } = this.init
    const { metric } = sealed.document.target
    log(
      'info',
      `job ${shortId(job.id)}: ${metric} ${Number(result.metric) / 1e6} after ${counted(result.rounds, 'round')}; ` +
        (result.freeRiders.length === 0
          ? 'no free riders'
          : `${counted(result.freeRiders.length, 'free rider')}`),
    )
    const held = await node.common?.model(result.model, signal)
    await settling.settled()
    const judging = settling.judge()
    // The members may have agreed about a later block.
    const model = await this.settledModel(job)
    const bytes =
      model === undefined || model.equals(result.model) ? held : await node.common?.model(model, signal)
    if (model !== undefined && bytes !== undefined) await site.keepModel(job.id, { ...result, model }, bytes)
    await judging
    return model === undefined || bytes === undefined ? undefined : { model, bytes }
  }

  /** The model of a settled job; undefined for a job that came to nothing. */
  private async settledModel({ id, postedIn }: PostedJob): Promise<CID | undefined> {
    const { client } = this.init
    const events = createEventReader(client, postedIn)
    const [settled] = await events.of(client.contracts.escrow, JobEscrow.abi, 'Settled', { id })
    return settled && cidFromDigest(RAW, hexToBytes(settled.args.model as Hex))
  }

  /** Members take turns, since one is enough. */
  private async deliver(job: PostedJob, { model, bytes }: SoldModel, position: number): Promise<void> {
    const { site, signal, sleep, log } = this.init
    await sleep(position * COURTESY_MS, signal)
    for (let attempt = 1; attempt <= DELIVERY_ATTEMPTS && !signal.aborted; attempt++) {
      try {
        const answer = await site.deliver(job.where, model, bytes, signal)
        log('info', DELIVERY_TEXTS[answer])
        if (answer === 'taken' || answer === 'have') return
      } catch (error) {
        // The user leaves once it has the model.
        log('info', `the user does not answer, and may have the model already (${errorMessage(error)})`)
      }
      await sleep(DELIVERY_RETRY_MS, signal)
    }
    log('info', `model ${model} is kept in the folder of the job, should the user ask for it`)
  }

  /** Resolves when a job ends although this node knows no result: others have settled it, or its time is over. */
  private async overWithout(job: PostedJob, signal: AbortSignal): Promise<void> {
    const { pollMs, sleep, log } = this.init
    while (!signal.aborted) {
      try {
        if (await this.isOver(job)) {
          // This node may be about to know it too, and has a model to hand over then.
          await sleep(AFTERWARDS_MS, signal)
          return
        }
      } catch (error) {
        log('warn', `${errorMessage(error)}; looking again`)
      }
      await sleep(pollMs, signal)
    }
  }

  /** Undefined when the job is over before its document was fetched. */
  private async documentOf(job: PostedJob): Promise<SealedJob | undefined> {
    const { site, signal, sleep, log } = this.init
    const { id, where, terms } = job
    while (!signal.aborted && !(await this.isOver(job))) {
      try {
        const document =
          (await site.kept(id)) ?? (await site.fetchDocument(where, hexToBytes(terms.task), signal))
        return openJob(document, terms.task)
      } catch (error) {
        log(
          'warn',
          `the document of job ${shortId(id)} could not be fetched (${errorMessage(error)}); trying again`,
        )
      }
      await sleep(DELIVERY_RETRY_MS, signal)
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

  /** Takes what this account has earned. */
  private async claim(): Promise<void> {
    const { client, log } = this.init
    const rewards = { address: client.contracts.rewards, abi: RewardManager.abi } as const
    const owed = await client.reader.readContract({ ...rewards, functionName: 'owed', args: [this.account] })
    if (owed === 0n) return
    await this.once({ ...rewards, functionName: 'claim', args: [this.account] })
    log('info', `claimed ${formatEther(owed)}`)
  }

  /** A call that somebody else, or an earlier start of this node, may have made already. */
  private async once(call: Parameters<Outbox['send']>[0]): Promise<void> {
    try {
      await this.init.outbox.send(call)
    } catch (error) {
      if (errorCode(error) !== 'E_REVERTED') throw error
    }
  }
}

/** Throws SettlementError E_JOB for a job that asks for more than this node gives, or for nothing. */
function checkWork(job: SealedJob, members: number, policy: JobPolicy): void {
  const { model, training } = sampleRunOf(job, members).manifest
  const { rounds, localSteps, batchSize, learningRate } = training
  const limits: readonly [string, number, number][] = [
    ['parameters', model.parameterCount, policy.mostParameters],
    ['samples', rounds * localSteps * batchSize, policy.mostSamples],
  ]
  for (const [what, asked, most] of limits)
    if (asked > most)
      throw new SettlementError('E_JOB', `it asks for ${asked} ${what}, and this node gives at most ${most}`)
  if (localSteps === 0) throw new SettlementError('E_JOB', 'its members would not train')
  const { least, most } = LEARNING_RATES
  if (learningRate < least || learningRate > most)
    throw new SettlementError(
      'E_JOB',
      `its learning rate, ${learningRate}, is outside of ${least} to ${most}`,
    )
}

const toPeerId = (peerKey: Hex): string => peerIdFromPublicKey(hexToBytes(peerKey))

/** The members of a job that a peer stands for, each peer with its first account. */
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

/** Rejects when the node fails; a node that has come to its end keeps serving the others. */
async function failing(running: Promise<void>, signal: AbortSignal): Promise<void> {
  await running
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
