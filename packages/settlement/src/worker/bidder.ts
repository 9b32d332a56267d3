/** Looks for open jobs and accepts the first that this node can train, within its policy. */

import { counted, errorCode, errorMessage } from '@tempered/errors'
import { systemClock } from '@tempered/node'
import { peerIdFromPublicKey } from '@tempered/protocol'
import { formatEther, type Hex, hexToBytes } from 'viem'
import { JobEscrow, StakingRegistry } from '../contracts/artifacts.js'
import { SettlementError } from '../errors.js'
import { type OpenJob, PLACE_SEPARATOR, type PostedJob } from '../jobs/job-board.js'
import { checkTerms, openJob, type SealedJob, sampleRunOf } from '../jobs/job-document.js'
import { type JobPolicy, type JobWorkerInit, shortId } from './job-site.js'

/** For all addresses of a user together. */
const DOCUMENT_MS = 10_000
const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 600_000
/** Learning rates with which models change and stay finite. */
const LEARNING_RATES = { least: 1e-6, most: 100 } as const
/** In ms: with longer waits, one silent member could use up a job's time. */
const LONGEST_MS = {
  ...{ joinMs: 600_000, collectMs: 600_000, deltaMs: 60_000 },
  ...{ dialMs: 120_000, firstByteMs: 120_000, transferMs: 600_000, reconnectMs: 120_000 },
} as const
/** In ms: within less, nobody could answer or send a model. */
const SHORTEST_MS: Readonly<Record<string, number>> = {
  ...{ joinMs: 1_000, collectMs: 1_000, dialMs: 1_000, firstByteMs: 1_000, transferMs: 1_000 },
}
/** Largest product of learning rate and weight decay: above 1, parameters grow without end. */
const MOST_DECAY = 0.5
/** Deadlines in a row that a member may miss before the others stop waiting for it. */
const MOST_PATIENCE = 10

export class Bidder {
  private readonly init: JobWorkerInit
  /** Jobs that this node will not accept. */
  private readonly declined = new Set<Hex>()
  /** Jobs whose document could not be fetched, or that could not be accepted: when to retry, and the last wait, in ms. */
  private readonly later = new Map<Hex, { readonly at: number; readonly waitMs: number }>()
  /** Jobs whose unreachable user was reported. */
  private readonly reported = new Set<Hex>()
  private isStakeless = false

  constructor(init: JobWorkerInit) {
    this.init = init
  }

  private get account() {
    return this.init.client.wallet.account.address
  }

  /** Accepts the first open job that this node can train; undefined if there is none. */
  async bid(): Promise<PostedJob | undefined> {
    const { board, outbox, client, site, log } = this.init
    const isOut = (id: Hex): boolean =>
      this.declined.has(id) || (this.later.get(id)?.at ?? 0) > performance.now()
    for (const job of await board.open(isOut)) {
      const sealed = await this.consider(job)
      if (sealed === undefined) continue
      // Kept first: a node that stops in between can continue without the user.
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
        this.putOff(job.id)
        log('info', `job ${shortId(job.id)} could not be accepted: ${errorMessage(error)}`)
        continue
      }
      log('info', `job ${shortId(job.id)} accepted`)
      return board.find(job.id)
    }
    return undefined
  }

  /** Retries a job after a while, longer each time. */
  private putOff(id: Hex): void {
    const waitMs = Math.min(2 * (this.later.get(id)?.waitMs ?? FIRST_WAIT_MS / 2), LONGEST_WAIT_MS)
    this.later.set(id, { at: performance.now() + waitMs, waitMs })
  }

  /** The document of a job that this node would accept; undefined for any other. */
  private async consider(job: OpenJob): Promise<SealedJob | undefined> {
    const { policy, site, signal, log } = this.init
    const { terms } = job
    const decline = (why: string): undefined => {
      this.declined.add(job.id)
      log('info', `job ${shortId(job.id)} declined: ${why}`)
      return undefined
    }
    const fee = (terms.baseFee + terms.roundFee * BigInt(terms.mostRounds)) / BigInt(terms.members)
    if (fee < policy.leastFee)
      return decline(
        `it pays at most ${formatEther(fee)}, below this node's minimum of ${formatEther(policy.leastFee)}`,
      )
    if (terms.stake > policy.mostStake)
      return decline(
        `it locks a stake of ${formatEther(terms.stake)}, above this node's maximum of ${formatEther(policy.mostStake)}`,
      )
    if (terms.mostRounds > policy.mostRounds)
      return decline(
        `it may take ${counted(terms.mostRounds, 'round')}, above this node's maximum of ${policy.mostRounds}`,
      )
    if (!(await this.hasStake(terms.stake))) return undefined
    const { timestamp } = await this.init.client.reader.getBlock()
    const wait = terms.acceptUntil - timestamp
    if (wait > BigInt(policy.mostWaitSeconds))
      return decline(
        `it may wait ${wait} s for members, above this node's maximum of ${policy.mostWaitSeconds} s`,
      )
    const seconds = terms.settleUntil - timestamp
    if (seconds > BigInt(policy.mostSeconds))
      return decline(`it may take ${seconds} s, above this node's maximum of ${policy.mostSeconds} s`)
    let document: Uint8Array
    // Not `AbortSignal.any` over `AbortSignal.timeout`: Node 20 forgets such a timeout at a garbage collection.
    const limit = systemClock.deadline(DOCUMENT_MS, signal)
    try {
      document = await site.fetchDocument(job.where, hexToBytes(terms.task), limit.signal)
    } catch (error) {
      this.putOff(job.id)
      // Once is enough: a user may be offline for long.
      if (!this.reported.has(job.id))
        log(
          'info',
          `job ${shortId(job.id)}: cannot fetch its document from the user yet (${errorMessage(error)}); retrying`,
        )
      this.reported.add(job.id)
      return undefined
    } finally {
      limit.clear()
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
          `account ${this.account} is bound to peer ${toPeerId(peerKey)}, but this node is ${site.peerId}, so no jobs are accepted; use the account of this peer, or the identity key of the other`,
        )
      this.isStakeless = true
      return false
    }
    const isEnough = isRegistered && staked - locked >= needed
    if (!isEnough && !this.isStakeless)
      log(
        'warn',
        isRegistered
          ? `only ${formatEther(staked - locked)} of the stake is free, but a job needs ${formatEther(needed)}; stake more with \`tempered settlement stake\``
          : `account ${this.account} has no stake, so no jobs are accepted; stake with \`tempered settlement stake\``,
      )
    this.isStakeless = !isEnough
    return isEnough
  }
}

/** Throws SettlementError E_JOB for a job that exceeds this node's limits, or that trains nothing. */
function checkWork(job: SealedJob, members: number, policy: JobPolicy): void {
  const { model, training, deadlines, chain, patienceRounds } = sampleRunOf(job, members).manifest
  const { rounds, localSteps, batchSize, learningRate, weightDecay } = training
  const limits: readonly [string, number, number][] = [
    ['parameter', model.parameterCount, policy.mostParameters],
    ['sample', rounds * localSteps * batchSize, policy.mostSamples],
  ]
  for (const [what, asked, most] of limits)
    if (asked > most)
      throw new SettlementError(
        'E_JOB',
        `it has ${counted(asked, what)}, above this node's maximum of ${most}`,
      )
  if (localSteps === 0) throw new SettlementError('E_JOB', 'it has no training steps')
  const { least, most } = LEARNING_RATES
  if (!(learningRate >= least && learningRate <= most))
    throw new SettlementError(
      'E_JOB',
      `its learning rate of ${learningRate} is not between ${least} and ${most}`,
    )
  for (const [what, limit] of Object.entries(LONGEST_MS)) {
    const asked = Number({ ...deadlines, ...chain?.params }[what] ?? 0)
    if (asked > limit)
      throw new SettlementError(
        'E_JOB',
        `its ${what} is ${asked} ms, above this node's maximum of ${limit} ms`,
      )
    const least = SHORTEST_MS[what] ?? 0
    if (asked < least)
      throw new SettlementError(
        'E_JOB',
        `its ${what} is ${asked} ms, below this node's minimum of ${least} ms`,
      )
  }
  if (learningRate * weightDecay > MOST_DECAY)
    throw new SettlementError(
      'E_JOB',
      `its weight decay of ${weightDecay} is too large for its learning rate`,
    )
  if (patienceRounds > MOST_PATIENCE)
    throw new SettlementError(
      'E_JOB',
      `its members wait ${patienceRounds} rounds for a silent one, above this node's maximum of ${MOST_PATIENCE}`,
    )
}

const toPeerId = (peerKey: Hex): string => peerIdFromPublicKey(hexToBytes(peerKey))
