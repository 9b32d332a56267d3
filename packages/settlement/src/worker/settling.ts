/** How the members of a job sign what came of it, and who of them brings it to the chain. */

import { errorCode, errorMessage } from '@tempered/errors'
import type { CommonChain, Words } from '@tempered/node'
import { encodeCanonical, type Run } from '@tempered/protocol'
import { type Address, bytesToHex, type Hex, hashTypedData, isHex, keccak256, stringToHex } from 'viem'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import { JobEscrow, SlashingManager } from '../contracts/artifacts.js'
import type { PostedJob } from '../jobs/job-board.js'
import { JOB_STATES } from '../jobs/job-state.js'
import type { FreeRider, JobResult } from '../jobs/outcome.js'
import { type Outcome, outcomeData, type Verdict, verdictData } from '../typed-data.js'
import { SignatureBook } from './signature-book.js'

export interface SettlingInit {
  readonly job: PostedJob
  readonly run: Run
  readonly client: SettlementClient
  readonly outbox: Outbox
  readonly common: Pick<CommonChain, 'say'>
  /** Place of this member among those of the run, from 0. */
  readonly position: number
  readonly signal: AbortSignal
  sleep(ms: number, signal: AbortSignal): Promise<void>
  log(level: 'info' | 'warn', what: string): void
}

/** Of the stake of a free rider, in 1/10,000. */
export const FREE_RIDER_SHARE = 10_000
/** Between two times that a member says what it has signed: messages get lost. */
const REPEAT_MS = 3_000
/** How long members that have been paid wait for the signatures of a verdict. */
const VERDICT_MS = 60_000
/** What each member leaves to the one before it. */
const COURTESY_MS = 4_000

/** Where a model's card is found that has no other place: under the model's own name. */
export const cardOf = (result: Pick<JobResult, 'model'>): string => `ipfs://${result.model}`

/** The document that a verdict's grounds are the hash of; anybody who replays the run gets the same. */
export function groundsOf(job: Hex, result: JobResult, { peerId, contribution }: FreeRider): Uint8Array {
  const { scorers, flaggedBy, reasons, rounds, idleRounds } = contribution
  return encodeCanonical({
    kind: 'tempered/free-rider',
    version: 1,
    job,
    block: result.block,
    peer: peerId,
    contribution: { scorers, flaggedBy, reasons, rounds, idleRounds },
  })
}

export class Settling {
  private readonly init: SettlingInit
  private readonly book: SignatureBook
  private said = 0

  constructor(init: SettlingInit) {
    this.init = init
    const accounts = new Map(
      init.run.manifest.members.map((peer, k) => [
        peer,
        init.run.manifest.settlement!.accounts[k] as Address,
      ]),
    )
    this.book = new SignatureBook((peerId) => accounts.get(peerId))
  }

  /** Another member says something; what is no signature about this job is nobody's concern. */
  async heard(author: string, { about, digest, signature }: Words): Promise<void> {
    const { job, log } = this.init
    if (about !== job.id || !isHex(digest) || !isHex(signature)) return
    if (!(await this.book.add(author, digest, signature)))
      log('warn', `${author} has sent a signature that is not its account's`)
  }

  /** Signs the result and has it settled, by whomever; resolves once the job is settled or refunded. */
  async settle(result: JobResult): Promise<void> {
    const outcome = this.outcomeOf(result)
    const { client, signal } = this.init
    const digest = hashTypedData(outcomeData(outcome, this.place('escrow')))
    const verdicts = result.freeRiders.flatMap((rider) => this.verdictOn(rider, result) ?? [])
    const verdictDigests = verdicts.map((verdict) =>
      hashTypedData(verdictData(verdict, this.place('slashing'))),
    )
    const accused = client.wallet.account.address
    const signed = [digest, ...verdictDigests.filter((_, k) => verdicts[k]!.offender !== accused)]
    const saying = this.keepSaying(signed)
    try {
      const bringing = verdicts.map((verdict, k) => this.bringVerdict(verdict, verdictDigests[k]!))
      await this.bringOutcome(outcome, digest, cardOf(result))
      // Others may judge otherwise, and then nobody brings it.
      await Promise.race([Promise.all(bringing), this.init.sleep(VERDICT_MS, signal)])
    } finally {
      saying.stop()
    }
    signal.throwIfAborted()
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
      card: keccak256(stringToHex(cardOf(result))),
      rounds: result.rounds,
      metric: result.metric,
      // Members that no peer stands for are in the job, but not in its run.
      weights: job.members.map(({ account }) => weightOf.get(account) ?? 0n),
    }
  }

  private verdictOn(rider: FreeRider, result: JobResult): Verdict | undefined {
    const { job, run } = this.init
    const offender = run.manifest.settlement!.accounts[run.memberIndex.get(rider.peerId)!] as Address
    return {
      run: job.id,
      offender,
      grounds: keccak256(groundsOf(job.id, result, rider)),
      share: FREE_RIDER_SHARE,
    }
  }

  /** Signs digests, and says so again and again until it is stopped. */
  private keepSaying(digests: readonly Hex[]): { stop(): void } {
    const { job, run, client, common, signal, sleep } = this.init
    const self = run.manifest.members[this.init.position]!
    const over = new AbortController()
    const either = AbortSignal.any([signal, over.signal])
    const speak = async (): Promise<void> => {
      const sign = client.wallet.account.sign
      if (sign === undefined) throw new Error('the account cannot sign')
      const words: Words[] = []
      for (const digest of digests) {
        const signature = await sign({ hash: digest })
        await this.book.add(self, digest, signature)
        words.push({ about: job.id, digest, signature })
      }
      while (!either.aborted) {
        this.said += 1
        for (const one of words) common.say({ ...one, time: this.said })
        await sleep(REPEAT_MS, either)
      }
    }
    speak().catch((error) =>
      this.init.log('warn', `cannot sign what came of the job: ${errorMessage(error)}`),
    )
    return { stop: () => over.abort() }
  }

  /** Waits until two thirds of the job's members have signed; the first of them brings it, the others if it does not. */
  private async bringOutcome(outcome: Outcome, digest: Hex, card: string): Promise<void> {
    const { client, outbox, signal, log } = this.init
    const escrow = { address: client.contracts.escrow, abi: JobEscrow.abi } as const
    const isOver = async (): Promise<boolean> => {
      const { state } = await client.reader.readContract({
        ...escrow,
        functionName: 'jobOf',
        args: [outcome.job],
      })
      return JOB_STATES[state] !== 'full'
    }
    await this.bring(digest, isOver, async (signatures) => {
      const { blockNumber } = await outbox.send({
        ...escrow,
        functionName: 'settle',
        args: [outcome, signatures, card],
      })
      log('info', `job ${outcome.job} is settled in block ${blockNumber}`)
    })
    signal.throwIfAborted()
  }

  private async bringVerdict(verdict: Verdict, digest: Hex): Promise<void> {
    const { client, outbox, log } = this.init
    const slashing = { address: client.contracts.slashing, abi: SlashingManager.abi } as const
    const isOver = async (): Promise<boolean> => {
      const one = await client.reader.readContract({ ...slashing, functionName: 'caseOf', args: [digest] })
      return one.executableAt !== 0n
    }
    await this.bring(digest, isOver, async (signatures) => {
      const { blockNumber } = await outbox.send({
        ...slashing,
        functionName: 'giveVerdict',
        args: [verdict, signatures],
      })
      log('info', `a verdict against ${verdict.offender} is given in block ${blockNumber}`)
    })
  }

  private async bring(
    digest: Hex,
    isOver: () => Promise<boolean>,
    send: (signatures: readonly Hex[]) => Promise<void>,
  ): Promise<void> {
    const { job, position, signal, sleep, log } = this.init
    const quorum = Math.ceil((2 * job.members.length) / 3)
    let isPolite = position === 0
    while (!signal.aborted) {
      try {
        if (await isOver()) return
        const signatures = this.book.of(digest)
        if (signatures.length >= quorum) {
          if (isPolite) return await send(signatures.slice(0, quorum))
          isPolite = true
          await sleep(position * COURTESY_MS, signal)
          continue
        }
      } catch (error) {
        if (signal.aborted) return
        // Another member was faster, or the chain will say what is wrong when it is asked the next time.
        if (errorCode(error) !== 'E_REVERTED') log('warn', `${errorMessage(error)}; trying again`)
      }
      await sleep(1_000, signal)
    }
  }
}
