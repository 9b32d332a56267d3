/** The state of a job, read from the chain: who accepted it, who was paid, who was slashed and why. */

import { type Address, type Hex, isAddressEqual } from 'viem'
import { type ContractEvent, createEventReader, type EventReader } from '../client/event-reader.js'
import type { SettlementClient } from '../client/open-client.js'
import {
  JobEscrow,
  ModelRegistry,
  ModelShares,
  RewardManager,
  SlashingManager,
} from '../contracts/artifacts.js'
import { SettlementError } from '../errors.js'
import { JOB_STATES, type JobState } from './job-state.js'
import { peerOf } from './peer-of.js'

export interface JobMember {
  readonly account: Address
  /** Undefined if the peer has not signed the binding to the account. */
  readonly peerId: string | undefined
}

/** A payment in wei, and its block. */
export interface Movement {
  readonly account: Address
  readonly amount: bigint
  readonly block: bigint
}

export interface Loss extends Movement {
  readonly why: 'contradiction' | 'verdict'
  /** Of a contradiction: the round or height, from 0; of a verdict: the hash of its grounds. */
  readonly about: bigint | Hex
  /** Of a contradiction: what there are two versions of. */
  readonly kind?: 'announcement' | 'head'
}

export interface JobStatus {
  readonly id: Hex
  readonly state: JobState
  readonly user: Address
  /** In wei. */
  readonly budget: bigint
  readonly postedIn: bigint
  /** In millionths. */
  readonly target: bigint
  readonly lowerIsBetter: boolean
  readonly mostRounds: number
  /** Number of members that the job needs. */
  readonly places: number
  /** Seconds since 1970. */
  readonly acceptUntil: bigint
  readonly settleUntil: bigint
  readonly members: readonly JobMember[]
  /** Once it is settled. */
  readonly outcome:
    | {
        readonly run: Hex
        readonly model: Hex
        readonly rounds: number
        /** In millionths. */
        readonly metric: bigint
        readonly block: bigint
        /** The model's token and its current owner. */
        readonly token: bigint
        readonly owner: Address
        /** Of a million: what members hold of its royalties now. */
        readonly shares: readonly { readonly account: Address; readonly shares: bigint }[]
      }
    | undefined
  /** What members were credited. */
  readonly paid: readonly Movement[]
  /** What the user was credited of its budget. */
  readonly returned: bigint
  /** Stakes that members lost since the job was posted. */
  readonly losses: readonly Loss[]
}

/** Throws SettlementError E_CONTRACT for a job that does not exist. `from`: a block before it was posted. */
export async function jobStatus(client: SettlementClient, id: Hex, from: bigint): Promise<JobStatus> {
  const { reader, contracts } = client
  const job = await reader.readContract({
    address: contracts.escrow,
    abi: JobEscrow.abi,
    functionName: 'jobOf',
    args: [id],
  })
  const state = JOB_STATES[job.state] as JobState
  if (state === 'none')
    throw new SettlementError('E_CONTRACT', `there is no job ${id} at ${contracts.escrow}; check the id`, {
      id,
    })
  const events = createEventReader(client, from)
  const [posted] = await events.of(contracts.escrow, JobEscrow.abi, 'Posted', { id })
  const [settled] = await events.of(contracts.escrow, JobEscrow.abi, 'Settled', { id })
  const [refunded] = await events.of(contracts.escrow, JobEscrow.abi, 'Refunded', { id })
  const postedIn = posted?.blockNumber ?? from
  const { terms, members } = job
  const budget = terms.baseFee + terms.roundFee * BigInt(terms.mostRounds)
  return {
    id,
    state,
    user: job.user,
    budget,
    postedIn,
    target: terms.target,
    lowerIsBetter: terms.lowerIsBetter,
    mostRounds: terms.mostRounds,
    places: terms.members,
    acceptUntil: terms.acceptUntil,
    settleUntil: terms.settleUntil,
    members: await Promise.all(
      members.map(async (account) => ({ account, peerId: await peerOf(client, events, account) })),
    ),
    outcome: settled === undefined ? undefined : await outcomeOf(client, id, settled, members),
    paid: await paidOf(client, events, id, members),
    returned: (settled?.args.back ?? refunded?.args.amount ?? 0n) as bigint,
    losses: await lossesOf(client, createEventReader(client, postedIn), members, {
      job: id,
      run: settled?.args.run as Hex | undefined,
    }),
  }
}

async function outcomeOf(
  { contracts, reader }: SettlementClient,
  job: Hex,
  settled: ContractEvent,
  members: readonly Address[],
) {
  const { run, model, rounds, metric } = settled.args as {
    run: Hex
    model: Hex
    rounds: number
    metric: bigint
  }
  const registry = { address: contracts.models, abi: ModelRegistry.abi } as const
  const token = await reader.readContract({ ...registry, functionName: 'tokenOf', args: [job, run, model] })
  const owner = await reader.readContract({ ...registry, functionName: 'ownerOf', args: [token] })
  const address = await reader.readContract({ ...registry, functionName: 'shares' })
  const held = await reader.readContract({
    address,
    abi: ModelShares.abi,
    functionName: 'balanceOfBatch',
    args: [members, members.map(() => token)],
  })
  const shares = members.map((account, k) => ({ account, shares: held[k]! }))
  return { run, model, rounds, metric, block: settled.blockNumber, token, owner, shares }
}

/** Anybody may pay in the name of a job; only payments to its members count. */
async function paidOf(
  { contracts }: SettlementClient,
  events: EventReader,
  job: Hex,
  members: readonly Address[],
): Promise<Movement[]> {
  const credits = await events.of(contracts.rewards, RewardManager.abi, 'Credited', { job })
  return credits
    .map(({ args, blockNumber }) => ({
      account: args.account as Address,
      amount: args.amount as bigint,
      block: blockNumber,
    }))
    .filter(({ account }) => members.some((member) => isAddressEqual(member, account)))
}

async function lossesOf(
  { contracts }: SettlementClient,
  events: EventReader,
  members: readonly Address[],
  // A contradiction names the run by its manifest, which is not on the chain before the settlement.
  { job, run }: { readonly job: Hex; readonly run: Hex | undefined },
): Promise<Loss[]> {
  const of = (name: string, args: object = {}) =>
    events.of(contracts.slashing, SlashingManager.abi, name, { ...args })
  const isMember = ({ args }: ContractEvent): boolean =>
    members.some((member) => isAddressEqual(member, args.offender as Address))
  const given = await of('VerdictGiven', { run: job })
  const grounds = new Map(given.map(({ args }) => [args.id as Hex, args.grounds as Hex]))
  const isOfJob = ({ args }: ContractEvent): boolean => run === undefined || args.run === run
  const contradictions = (await of('Contradiction'))
    .filter((one) => isMember(one) && isOfJob(one))
    .map(
      ({ args, blockNumber }): Loss => ({
        account: args.offender as Address,
        amount: args.taken as bigint,
        block: blockNumber,
        why: 'contradiction',
        about: args.slot as bigint,
        kind: args.kind === 0 ? 'announcement' : 'head',
      }),
    )
  const executed = (await of('VerdictExecuted')).filter(({ args }) => grounds.has(args.id as Hex))
  const verdicts = executed.map(
    ({ args, blockNumber }): Loss => ({
      account: args.offender as Address,
      amount: args.taken as bigint,
      block: blockNumber,
      why: 'verdict',
      about: grounds.get(args.id as Hex) ?? (args.id as Hex),
    }),
  )
  return [...contradictions, ...verdicts].sort((a, b) => Number(a.block - b.block))
}
