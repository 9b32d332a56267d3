/** Looks for open jobs and accepts the first that this node can do, within its policy. */

import { errorCode, errorMessage } from '@tempered/errors'
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
/** Learning rates with which models change, and stay finite. */
const LEARNING_RATES = { least: 1e-6, most: 100 } as const
/** In ms: what makes a run wait longer for a silent member lets one member use up a job's time. */
const LONGEST_MS = { joinMs: 600_000, collectMs: 600_000, deltaMs: 60_000 } as const
/** Deadlines in a row that a member may miss before the others stop waiting for it. */
const MOST_PATIENCE = 10

export class Bidder {
  private readonly init: JobWorkerInit
  /** Jobs that this node does not take, whatever happens. */
  private readonly declined = new Set<Hex>()
  /** Jobs whose document could not be fetched, or that could not be taken: when to try again, and how long to wait then, in ms. */
  private readonly later = new Map<Hex, { readonly at: number; readonly waitMs: number }>()
  private isStakeless = false

  constructor(init: JobWorkerInit) {
    this.init = init
  }

  private get account() {
    return this.init.client.wallet.account.address
  }

  /** Accepts the first open job that this node can do; undefined if there is none. */
  async bid(): Promise<PostedJob | undefined> {
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
        this.putOff(job.id)
        log('info', `job ${shortId(job.id)} was not taken: ${errorMessage(error)}`)
        continue
      }
      log('info', `job ${shortId(job.id)} accepted`)
      return board.find(job.id)
    }
    return undefined
  }

  /** Looks at a job again after a while, and later each time. */
  private putOff(id: Hex): void {
    const waitMs = Math.min(2 * (this.later.get(id)?.waitMs ?? FIRST_WAIT_MS / 2), LONGEST_WAIT_MS)
    this.later.set(id, { at: performance.now() + waitMs, waitMs })
  }

  /** The document of a job that this node would take; undefined for any other. */
  private async consider(job: OpenJob): Promise<SealedJob | undefined> {
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
    const wait = terms.acceptUntil - timestamp
    if (wait > BigInt(policy.mostWaitSeconds))
      return decline(
        `it may wait ${wait} seconds for members, and this node at most ${policy.mostWaitSeconds}`,
      )
    const seconds = terms.settleUntil - timestamp
    if (seconds > BigInt(policy.mostSeconds))
      return decline(`it may take ${seconds} seconds, and this node gives at most ${policy.mostSeconds}`)
    let document: Uint8Array
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(DOCUMENT_MS)])
      document = await site.fetchDocument(job.where, hexToBytes(terms.task), limit)
    } catch (error) {
      this.putOff(job.id)
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
}

/** Throws SettlementError E_JOB for a job that asks for more than this node gives, or for nothing. */
function checkWork(job: SealedJob, members: number, policy: JobPolicy): void {
  const { model, training, deadlines, chain, patienceRounds } = sampleRunOf(job, members).manifest
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
  if (!(learningRate >= least && learningRate <= most))
    throw new SettlementError(
      'E_JOB',
      `its learning rate, ${learningRate}, is outside of ${least} to ${most}`,
    )
  for (const [what, limit] of Object.entries(LONGEST_MS)) {
    const asked = Number({ ...deadlines, ...chain?.params }[what] ?? 0)
    if (asked > limit)
      throw new SettlementError('E_JOB', `its ${what} is ${asked} ms, and this node waits at most ${limit}`)
  }
  if (patienceRounds > MOST_PATIENCE)
    throw new SettlementError(
      'E_JOB',
      `its members wait ${patienceRounds} rounds for a silent one, and this node at most ${MOST_PATIENCE}`,
    )
}

const toPeerId = (peerKey: Hex): string => peerIdFromPublicKey(hexToBytes(peerKey))
