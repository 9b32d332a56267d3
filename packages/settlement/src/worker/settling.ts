/** How the members of a job sign its result, and which of them submits it. */

import { errorMessage } from '@tempered/errors'
import { type CommonChain, systemClock, type Words } from '@tempered/node'
import { encodeCanonical, type Run } from '@tempered/protocol'
import { type Address, bytesToHex, type Hex, hashTypedData, isHex, keccak256, stringToHex } from 'viem'
import { createEventReader } from '../client/event-reader.js'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import { JobEscrow, SlashingManager } from '../contracts/artifacts.js'
import type { PostedJob } from '../jobs/job-board.js'
import { MILLION, type SealedJob } from '../jobs/job-document.js'
import { JOB_STATES } from '../jobs/job-state.js'
import type { FreeRider, JobResult } from '../jobs/outcome.js'
import { type Outcome, outcomeData, type Verdict, verdictData } from '../typed-data.js'
import { shortId } from './job-site.js'
import { SignatureBook } from './signature-book.js'

export interface SettlingInit {
  readonly job: PostedJob
  readonly sealed: SealedJob
  readonly run: Run
  readonly client: SettlementClient
  readonly outbox: Outbox
  readonly common: Pick<CommonChain, 'say'>
  /** A block before the job was posted. */
  readonly from: bigint
  /** Index of this member in the run, from 0. */
  readonly position: number
  readonly signal: AbortSignal
  sleep(ms: number, signal: AbortSignal): Promise<void>
  log(level: 'info' | 'warn', what: string): void
}

/** Share of a free rider's stake that is slashed, in 1/10,000. */
export const FREE_RIDER_SHARE = 10_000
/** Interval at which a member repeats its signatures: messages get lost. */
const REPEAT_MS = 3_000
/** How long members wait for the signatures of a verdict after the settlement. */
const VERDICT_MS = 20_000
/** Maximum number of results that a member signs: until the job is settled, each further block shows one. */
export const MOST_RESULTS = 32
const POLL_MS = 1_000
/** How much longer each member waits than the one before it. */
const COURTESY_MS = 4_000

/**
 * The card of the model's token (ERC-721 metadata), stored in the token itself: every member computes the same card, and
 * nobody has to host it.
 */
export function cardOf({ model, block, rounds, metric }: JobResult, { document }: SealedJob): string {
  const card = {
    name: `Tempered model ${model.toString().slice(-8)}`,
    model: `ipfs://${model}`,
    proof: block.toString(),
    rounds,
    [document.target.metric]: Number(metric) / MILLION,
    licence: document.licence,
  }
  return `data:application/json;base64,${Buffer.from(JSON.stringify(card)).toString('base64')}`
}

/** The document whose hash is the grounds of a verdict; anybody who replays the run gets the same. */
export function groundsOf(job: Hex, result: JobResult, { peerId, contribution }: FreeRider): Uint8Array {
  const { scorers, flaggedBy, reasons, ownRounds, admittedRounds } = contribution
  return encodeCanonical({
    kind: 'tempered/free-rider',
    version: 1,
    job,
    block: result.block,
    peer: peerId,
    contribution: { scorers, flaggedBy, reasons, ownRounds, admittedRounds },
  })
}

/** What a member signs when a block shows a result. */
interface Proposal {
  readonly outcome: Outcome
  readonly digest: Hex
  readonly card: string
  readonly verdicts: readonly { readonly verdict: Verdict; readonly digest: Hex }[]
  /** What this member has signed of it. */
  readonly own: readonly Signed[]
}

interface Signed {
  readonly digest: Hex
  readonly signature: Hex
}

export class Settling {
  private readonly init: SettlingInit
  private readonly book: SignatureBook
  private readonly proposals: Proposal[] = []
  /** Accounts against which a verdict of this run was submitted. */
  private readonly judged = new Set<Address>()
  private readonly polite = new Set<Hex>()
  private readonly reported = new Set<string>()
  private said = 0

  constructor(init: SettlingInit) {
    this.init = init
    const accounts = new Map(
      init.run.manifest.members.map((peer, k) => [
        peer,
        init.run.manifest.settlement!.accounts[k] as Address,
      ]),
    )
    // A verdict is signed against no more than a third of the members.
    const mostDigests = MOST_RESULTS * (1 + Math.ceil(accounts.size / 3))
    this.book = new SignatureBook((peerId) => accounts.get(peerId), mostDigests)
  }

  /** Models of the results that may still be settled. */
  get models(): readonly Hex[] {
    return this.proposals.map(({ outcome }) => outcome.model)
  }

  /** A message of another member; anything but a signature about this job is ignored. */
  async heard(author: string, { about, digest, signature }: Words): Promise<void> {
    if (about !== this.init.job.id || !isHex(digest) || !isHex(signature)) return
    if (!(await this.book.add(author, digest, signature)))
      this.reportOnce(`${author} sent a signature that is not by its account`)
  }

  /**
   * Signs a result. Several may be signed, one for each block that shows one: all are correct. The newest count: members may have
   * seen different ledgers for older blocks.
   */
  async propose(result: JobResult): Promise<void> {
    const outcome = this.outcomeOf(result)
    const verdicts = result.freeRiders.map((rider) => {
      const verdict = this.verdictOn(rider, result)
      return { verdict, digest: hashTypedData(verdictData(verdict, this.place('slashing'))) }
    })
    const digest = hashTypedData(outcomeData(outcome, this.place('escrow')))
    if (this.proposals.some((other) => other.digest === digest)) return
    const { address, sign } = this.init.client.wallet.account
    if (sign === undefined) throw new Error('the account cannot sign')
    const self = this.init.run.manifest.members[this.init.position]!
    // A member does not sign a verdict against itself.
    const others = verdicts.filter(({ verdict }) => verdict.offender !== address)
    const own: Signed[] = []
    for (const over of [digest, ...others.map((one) => one.digest)]) {
      const signature = await sign({ hash: over })
      await this.book.add(self, over, signature)
      own.push({ digest: over, signature })
    }
    this.proposals.push({ outcome, digest, card: cardOf(result, this.init.sealed), verdicts, own })
    if (this.proposals.length > MOST_RESULTS) this.proposals.shift()
  }

  /** Submits the result, unless another member is faster; resolves once the job is settled or refunded. */
  async settled(): Promise<void> {
    await this.while(async () => {
      if (await this.isOver()) return false
      for (const { outcome, digest, card } of this.proposals) {
        const signatures = await this.quorum(digest)
        if (signatures === undefined) continue
        await this.attempt(async () => {
          const { blockNumber } = await this.init.outbox.send({
            address: this.init.client.contracts.escrow,
            abi: JobEscrow.abi,
            functionName: 'settle',
            args: [outcome, signatures, card],
          })
          this.init.log('info', `job ${shortId(outcome.job)} settled in block ${blockNumber}`)
        })
        if (await this.isOver()) return false
      }
      return true
    })
  }

  /** Submits the verdicts of this run. Gives up after some time: others may not agree, and then there is no quorum. */
  async judge(): Promise<void> {
    const until = systemClock.deadline(VERDICT_MS, this.init.signal)
    const judging = this.while(async () => {
      await this.readVerdicts()
      const open = this.proposals
        .flatMap(({ verdicts }) => verdicts)
        .filter(({ verdict }) => !this.judged.has(verdict.offender))
      for (const { verdict, digest } of open) {
        const signatures = this.judged.has(verdict.offender) ? undefined : await this.quorum(digest)
        if (signatures === undefined) continue
        await this.attempt(async () => {
          const { blockNumber } = await this.init.outbox.send({
            address: this.init.client.contracts.slashing,
            abi: SlashingManager.abi,
            functionName: 'giveVerdict',
            args: [verdict, signatures],
          })
          this.judged.add(verdict.offender)
          this.init.log('info', `verdict against ${verdict.offender} submitted in block ${blockNumber}`)
        })
      }
      return open.length > 0
    }, until.signal)
    await judging.finally(until.clear)
  }

  private async isOver(): Promise<boolean> {
    const { client, job } = this.init
    const { state } = await client.reader.readContract({
      address: client.contracts.escrow,
      abi: JobEscrow.abi,
      functionName: 'jobOf',
      args: [job.id],
    })
    return JOB_STATES[state] !== 'full'
  }

  private async readVerdicts(): Promise<void> {
    const { client, job, from } = this.init
    const { slashing } = client.contracts
    const given = await createEventReader(client, from).of(slashing, SlashingManager.abi, 'VerdictGiven', {
      run: job.id,
    })
    for (const { args } of given) this.judged.add(args.offender as Address)
  }

  /** Signatures of two thirds of the job's members; at first only for the member whose turn it is to submit them. */
  private async quorum(digest: Hex): Promise<readonly Hex[] | undefined> {
    const { job, position, signal, sleep } = this.init
    const needed = Math.ceil((2 * job.members.length) / 3)
    const signatures = this.book.of(digest)
    if (signatures.length < needed) return undefined
    if (!this.polite.has(digest)) {
      this.polite.add(digest)
      if (position > 0) {
        await sleep(position * COURTESY_MS, signal)
        return undefined
      }
    }
    return signatures.slice(0, needed)
  }

  /** Repeats this member's signatures to the others and takes a step, until a step returns false. */
  private async while(step: () => Promise<boolean>, signal = this.init.signal): Promise<void> {
    let sinceSaid = REPEAT_MS
    while (!signal.aborted) {
      if (sinceSaid >= REPEAT_MS) {
        this.said += 1
        for (const one of this.proposals.flatMap(({ own }) => own))
          this.init.common.say({ about: this.init.job.id, ...one, time: this.said })
        sinceSaid = 0
      }
      let goesOn = true
      await this.attempt(async () => {
        goesOn = await step()
      })
      if (!goesOn) return
      await this.init.sleep(POLL_MS, signal)
      sinceSaid += POLL_MS
    }
  }

  /** The RPC may not answer, or another member may be faster: the next step will tell. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.init.signal.aborted) this.reportOnce(errorMessage(error))
    }
  }

  private reportOnce(what: string): void {
    if (this.reported.has(what) || this.reported.size >= MOST_RESULTS) return
    this.reported.add(what)
    this.init.log('warn', what)
  }

  private place(name: 'escrow' | 'slashing') {
    const { client } = this.init
    return { chainId: client.wallet.chain.id, contract: client.contracts[name] }
  }

  private outcomeOf(result: JobResult): Outcome {
    const { job, run } = this.init
    const { accounts } = run.manifest.settlement!
    const weightOf = new Map(accounts.map((account, k) => [account as Address, result.weights[k]!]))
    return {
      job: job.id,
      run: bytesToHex(run.id.multihash.digest),
      model: bytesToHex(result.model.multihash.digest),
      proof: bytesToHex(result.block.multihash.digest),
      card: keccak256(stringToHex(cardOf(result, this.init.sealed))),
      rounds: result.rounds,
      metric: result.metric,
      // Members that are not bound to a peer are in the job, but not in its run.
      weights: job.members.map(({ account }) => weightOf.get(account) ?? 0n),
    }
  }

  private verdictOn(rider: FreeRider, result: JobResult): Verdict {
    const { job, run } = this.init
    const offender = run.manifest.settlement!.accounts[run.memberIndex.get(rider.peerId)!] as Address
    return {
      run: job.id,
      offender,
      grounds: keccak256(groundsOf(job.id, result, rider)),
      share: FREE_RIDER_SHARE,
    }
  }
}
