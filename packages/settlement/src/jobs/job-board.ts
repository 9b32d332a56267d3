/** The jobs on the chain, as workers see them. */

import { type Address, decodeEventLog, type Hex, type TransactionReceipt } from 'viem'
import { type ContractEvent, createEventReader } from '../client/event-reader.js'
import type { SettlementClient } from '../client/open-client.js'
import { JobEscrow } from '../contracts/artifacts.js'
import { SettlementError } from '../errors.js'
import { JOB_STATES, type JobState } from './job-state.js'
import { peerOf } from './peer-of.js'

export interface JobTerms {
  readonly task: Hex
  readonly metric: Hex
  readonly target: bigint
  readonly lowerIsBetter: boolean
  readonly mostRounds: number
  readonly members: number
  /** In wei, like the other sums. */
  readonly baseFee: bigint
  readonly roundFee: bigint
  readonly stake: bigint
  /** Seconds since 1970. */
  readonly acceptUntil: bigint
  readonly settleUntil: bigint
}

/** A job that still takes members, without its members: they are not read for jobs of strangers. */
export interface OpenJob {
  readonly id: Hex
  readonly terms: JobTerms
  /** Multiaddrs of the user, as it published them. */
  readonly where: readonly string[]
}

export interface PostedJob extends OpenJob {
  readonly user: Address
  readonly state: JobState
  /** The block in which it was posted. */
  readonly postedIn: bigint
  readonly members: readonly PostedMember[]
}

export interface PostedMember {
  readonly account: Address
  /** Undefined if no peer has signed the binding to the account. */
  readonly peerId: string | undefined
  /** Multiaddrs of its node, as it published them. */
  readonly where: readonly string[]
}

/** Blocks that are read again, as a chain may have changed them. */
const REORGANISED_BLOCKS = 64n

/** Between multiaddrs in one text, as the contract stores them. */
export const PLACE_SEPARATOR = ' '

export interface JobBoard {
  /** Jobs that still take members, the oldest first, except those that `isOut` excludes. */
  open(isOut?: (id: Hex) => boolean): Promise<OpenJob[]>
  /** Jobs that an account has ever accepted, the oldest first. */
  acceptedBy(account: Address): Promise<readonly Hex[]>
  /** The job that an account has accepted and that is not over; undefined for none. */
  currentOf(account: Address): Promise<PostedJob | undefined>
  /** Jobs of a document that a user has posted, the oldest first. */
  postedBy(user: Address, task: Hex): Promise<readonly Hex[]>
  /** Undefined if no job has this id. */
  find(id: Hex): Promise<PostedJob | undefined>
}

/** `from`: the block in which the contracts were deployed, or a later one before the jobs of interest. */
export function createJobBoard(client: SettlementClient, from: bigint): JobBoard {
  const { reader, contracts } = client
  const events = createEventReader(client, from)
  const escrow = { address: contracts.escrow, abi: JobEscrow.abi } as const
  /** The user's addresses and the block in which a job was posted. */
  const posts = new Map<Hex, { readonly where: readonly string[]; readonly block: bigint }>()
  /** Jobs that may be open. */
  const mayBeOpen = new Set<Hex>()
  let newestRead = from - 1n
  const peers = new Map<Address, string>()
  const accepted = new Map<Address, { readonly ids: Set<Hex>; newest: bigint }>()
  /** Jobs that will never be open or full again. */
  const over = new Set<Hex>()

  const peerIdOf = async (account: Address): Promise<string | undefined> => {
    const known = peers.get(account) ?? (await peerOf(client, events, account))
    // An account without a peer may get one.
    if (known !== undefined) peers.set(account, known)
    return known
  }

  const note = ({ args, blockNumber }: ContractEvent): Hex => {
    const id = args.id as Hex
    posts.set(id, { where: placesIn(args.where), block: blockNumber })
    return id
  }

  const postOf = async (id: Hex) => {
    if (!posts.has(id))
      for (const event of await events.of(escrow.address, escrow.abi, 'Posted', { id })) note(event)
    return posts.get(id)
  }

  const find = async (id: Hex): Promise<PostedJob | undefined> => {
    const job = await reader.readContract({ ...escrow, functionName: 'jobOf', args: [id] })
    const state = JOB_STATES[job.state] as JobState
    if (state === 'none') return undefined
    const post = await postOf(id)
    const since = createEventReader(client, post?.block ?? from)
    const acceptances = await since.of(escrow.address, escrow.abi, 'Accepted', { id })
    return {
      id,
      user: job.user,
      state,
      terms: job.terms,
      postedIn: post?.block ?? from,
      where: post?.where ?? [],
      members: await Promise.all(
        job.members.map(async (account) => ({
          account,
          peerId: await peerIdOf(account),
          where: placesIn(acceptances.find(({ args }) => args.member === account)?.args.where),
        })),
      ),
    }
  }

  /** Jobs posted since the last call; blocks that may still be reorganised are read again. */
  const readPosts = async (): Promise<void> => {
    const newest = await reader.getBlockNumber({ cacheTime: 0 })
    const since = newestRead - REORGANISED_BLOCKS > from ? newestRead - REORGANISED_BLOCKS : from
    for (const event of await createEventReader(client, since).of(escrow.address, escrow.abi, 'Posted', {}))
      mayBeOpen.add(note(event))
    newestRead = newest
  }

  /** Jobs that an account has accepted; blocks that may still be reorganised are read again. */
  const acceptedBy = async (account: Address): Promise<readonly Hex[]> => {
    const known = accepted.get(account) ?? { ids: new Set<Hex>(), newest: from - 1n }
    accepted.set(account, known)
    const newest = await reader.getBlockNumber({ cacheTime: 0 })
    const since = known.newest - REORGANISED_BLOCKS > from ? known.newest - REORGANISED_BLOCKS : from
    const found = createEventReader(client, since)
    for (const { args } of await found.of(escrow.address, escrow.abi, 'Accepted', { member: account }))
      known.ids.add(args.id as Hex)
    known.newest = newest
    return [...known.ids]
  }

  return {
    find,
    async open(isOut = () => false) {
      await readPosts()
      const { timestamp } = await reader.getBlock()
      const found: OpenJob[] = []
      for (const id of mayBeOpen) {
        if (isOut(id)) continue
        const { state, terms } = await reader.readContract({ ...escrow, functionName: 'jobOf', args: [id] })
        if (JOB_STATES[state] === 'open' && terms.acceptUntil > timestamp)
          found.push({ id, terms, where: (await postOf(id))?.where ?? [] })
        else mayBeOpen.delete(id)
      }
      return found
    },
    async currentOf(account) {
      for (const id of [...(await acceptedBy(account))].reverse()) {
        if (over.has(id)) continue
        const job = await find(id)
        if (job?.state === 'open' || job?.state === 'full') return job
        over.add(id)
      }
      return undefined
    },
    acceptedBy,
    async postedBy(user, task) {
      const found = await events.of(escrow.address, escrow.abi, 'Posted', { user, task })
      return found.map(note)
    },
  }
}

function placesIn(where: unknown): string[] {
  return typeof where === 'string' ? where.split(PLACE_SEPARATOR).filter((place) => place !== '') : []
}

/** The id of the job that was posted in a transaction. Throws SettlementError E_JOB. */
export function postedIn({ logs }: TransactionReceipt): Hex {
  for (const { data, topics } of logs) {
    try {
      const { eventName, args } = decodeEventLog({ abi: JobEscrow.abi, data, topics })
      if (eventName === 'Posted') return args.id
    } catch {
      // An event of another contract.
    }
  }
  throw new SettlementError('E_JOB', 'the transaction did not post a job')
}
