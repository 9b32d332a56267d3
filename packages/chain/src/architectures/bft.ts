/**
 * Simplex (Chan and Pass, "Simplex Consensus: A Simple and Fast Consensus Protocol", TCC 2023; eprint 2023/463), section
 * 3.1, with f < n/3 Byzantine members under partial synchrony. Iterations h = 1, 2, …; the leader of each follows from
 * the run. A block or the dummy of an iteration is notarised by votes of at least 2n/3 members, a block is final once
 * 2n/3 have also said that they did not vote for the dummy of its iteration.
 *
 * What differs from the paper, and why: an iteration's timer starts when the member has a proposal of its own, since
 * training comes first; `finalise` names its block, so that a certificate can be checked alone; and since messages can
 * be lost for good, a member repeats its newest ones while nothing happens. Safety does not depend on any of them.
 */

import { bytesField, counter, documentLink, type Run, sha256, type VerifySignature } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import type {
  Architecture,
  Branch,
  ChainEffect,
  ChainEvent,
  ChainRules,
  Participant,
  ParticipantInit,
} from '../architecture.js'
import type { Block } from '../block.js'
import { ChainError } from '../errors.js'
import { isSignedPayload, type Payload } from '../message.js'

const paramsSchema = z.strictObject({
  deltaMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(2_000)
    .describe('Milliseconds within which a message reaches all members when the network is well (Δ).'),
})
export type BftParams = z.infer<typeof paramsSchema>

const iterationField = z
  .int()
  .min(1)
  .max(2 ** 40)
const voteSchema = z.strictObject({
  kind: z.literal('vote'),
  iteration: iterationField,
  /** Null for the dummy block. */
  block: documentLink.nullable(),
})
const finaliseSchema = z.strictObject({
  kind: z.literal('finalise'),
  iteration: iterationField,
  block: documentLink,
})
const signaturesSchema = z.array(z.strictObject({ member: counter, signature: bytesField })).max(16_384)
const certificateSchema = z.strictObject({
  iteration: iterationField,
  block: documentLink.nullable(),
  signatures: signaturesSchema,
})
/** Votes of a quorum for a block or the dummy of an iteration. */
type Certificate = z.infer<typeof certificateSchema>

const newsSchema = z.strictObject({
  kind: z.literal('news'),
  /** Notarisations of the newest iterations, so that others enter them. */
  notarised: z.array(certificateSchema).max(64),
  /** Votes of a quorum of `finalise` for the newest final block. */
  final: certificateSchema.nullable(),
})
const payloadSchema = z.discriminatedUnion('kind', [voteSchema, finaliseSchema, newsSchema])

const proofSchema = z.strictObject({
  iteration: iterationField,
  /** The parent's notarisation, if there is a parent, then those of the dummies between it and this block, in order. */
  notarised: z.array(certificateSchema).max(4096),
})

/** ⌈2n/3⌉: any two quorums share more than n/3 members, one of whom is honest. */
export function bftQuorum(members: number): number {
  return Math.ceil((2 * members) / 3)
}

/** Index of the member that leads an iteration: the same for everyone, and nobody can choose it after the manifest. */
export function leaderOf(run: Run, iteration: number): number {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(iteration))
  const digest = sha256(run.id.bytes, bytes)
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) % run.manifest.members.length
}

function checkCertificate(
  run: Run,
  payload: Payload,
  signatures: Certificate['signatures'],
  verify: VerifySignature | undefined,
): boolean {
  const { members } = run.manifest
  if (signatures.length < bftQuorum(members.length)) return false
  let before = -1
  for (const { member, signature } of signatures) {
    const author = members[member]
    if (member <= before || author === undefined) return false
    if (!isSignedPayload(run, author, payload, signature, verify)) return false
    before = member
  }
  return true
}

const votePayload = (iteration: number, block: CID | null): Payload => ({ kind: 'vote', iteration, block })
const finalisePayload = (iteration: number, block: CID): Payload => ({ kind: 'finalise', iteration, block })

/** The iteration of a block; its proof was checked when it was added. */
const iterationOf = (block: Block): number => block.body.proof.iteration as number

function createRules({
  run,
  verify,
}: {
  readonly run: Run
  readonly verify?: VerifySignature | undefined
}): ChainRules<null> {
  return {
    genesis: null,
    check(block, { block: parent }) {
      const where = `block ${block.body.height} of ${block.body.author}`
      const wrong = (what: string): ChainError => new ChainError('E_BLOCK_PROOF', `${where}: ${what}`)
      const parsed = proofSchema.safeParse(block.body.proof)
      if (!parsed.success) throw wrong(`its proof is malformed (${parsed.error.issues[0]?.path.join('.')})`)
      const { iteration, notarised } = parsed.data
      const after = parent === undefined ? 0 : iterationOf(parent)
      if (iteration <= after) throw wrong(`iteration ${iteration} is not after its parent's, ${after}`)
      const leader = run.manifest.members[leaderOf(run, iteration)]
      if (block.body.author !== leader)
        throw new ChainError(
          'E_BLOCK_PROPOSER',
          `${where}: the leader of iteration ${iteration} is ${leader}`,
        )
      const wanted: { iteration: number; block: CID | null }[] = []
      if (parent !== undefined) wanted.push({ iteration: after, block: parent.cid })
      for (let h = after + 1; h < iteration; h++) wanted.push({ iteration: h, block: null })
      if (notarised.length !== wanted.length)
        throw wrong(`it needs ${wanted.length} notarisations and has ${notarised.length}`)
      notarised.forEach((certificate, k) => {
        const { iteration: h, block: named } = wanted[k]!
        const isThat =
          certificate.iteration === h &&
          (named === null ? certificate.block === null : certificate.block?.equals(named) === true)
        const payload = votePayload(h, named)
        if (!isThat || !checkCertificate(run, payload, certificate.signatures, verify))
          throw wrong(`the notarisation of iteration ${h} is not valid`)
      })
    },
    after: () => null,
    weight: () => 1,
  }
}

type Tally = Map<string, Map<number, Uint8Array>>
const DUMMY = 'dummy'
/** Votes for iterations so far ahead of one's own are not kept; certificates are. */
const HORIZON = 64
const nameOf = (block: CID | null): string => block?.toString() ?? DUMMY

class Simplex implements Participant {
  private iteration = 1
  private readonly init: ParticipantInit<BftParams, null>
  private readonly quorum: number
  private readonly votes = new Map<number, Tally>()
  private readonly finals = new Map<number, Tally>()
  private readonly notarised = new Map<number, Map<string, Certificate>>()
  /** What this member has voted for in an iteration: never two blocks. */
  private readonly votedBlock = new Map<number, string>()
  private readonly votedDummy = new Set<number>()
  private readonly saidFinal = new Set<number>()
  /** The first block of each iteration that arrived. */
  private readonly proposals = new Map<number, Block>()
  /** Blocks of the newest iterations whose aggregate was computed again. */
  private readonly checked = new Map<string, boolean>()
  private readonly asked = new Set<string>()
  private final: Certificate | undefined
  private finalIteration = 0
  private ready: string | undefined
  /** The first proposal follows nothing. */
  private adopted = DUMMY
  private timed = 0
  private proposed = 0
  private started = false
  private out: ChainEffect[] = []

  constructor(init: ParticipantInit<BftParams, null>) {
    this.init = init
    this.quorum = bftQuorum(init.run.manifest.members.length)
  }

  handle(event: ChainEvent): readonly ChainEffect[] {
    this.out = this.started ? [] : [{ type: 'arm', timer: 'repeat', ms: 6 * this.init.params.deltaMs }]
    this.started = true
    switch (event.type) {
      case 'ready':
        this.ready = nameOf(event.parent)
        break
      case 'block':
        this.learn(event.block)
        break
      case 'message':
        this.receive(event.message.body.author, event.message.body.payload, event.message.signature)
        break
      case 'checked':
        this.checked.set(event.block.toString(), event.isRight)
        break
      case 'timeout':
        if (event.timer === 'iteration') this.giveUp()
        else if (event.timer === 'repeat') this.repeat()
        break
      case 'evaluated':
        break
    }
    this.advance()
    return this.out
  }

  private send(payload: Payload): void {
    this.out.push({ type: 'send', payload })
  }

  /** A block brings the notarisations before it. */
  private learn(block: Block): void {
    const { iteration, notarised } = proofSchema.parse(block.body.proof)
    for (const certificate of notarised) this.keep(certificate)
    if (iteration > this.finalIteration && !this.proposals.has(iteration))
      this.proposals.set(iteration, block)
  }

  private receive(author: string, given: Payload, signature: Uint8Array): void {
    const member = this.init.run.memberIndex.get(author)
    const parsed = payloadSchema.safeParse(given)
    if (member === undefined || !parsed.success) return
    const payload = parsed.data
    if (payload.kind === 'news') {
      for (const certificate of payload.notarised) this.learnCertificate(certificate)
      if (payload.final !== null) this.learnFinal(payload.final)
      return
    }
    const { iteration } = payload
    if (author === this.init.self) this.remember(payload)
    if (iteration <= this.finalIteration || iteration > this.iteration + HORIZON) return
    const tallies = payload.kind === 'vote' ? this.votes : this.finals
    const signatures = this.count(tallies, iteration, nameOf(payload.block), member, signature)
    if (signatures === undefined) return
    const certificate = { iteration, block: payload.block, signatures }
    if (payload.kind === 'vote') this.keep(certificate)
    else this.keepFinal(certificate)
  }

  /** After a restart the member's own messages come again: it never contradicts them. */
  private remember(payload: z.infer<typeof voteSchema> | z.infer<typeof finaliseSchema>): void {
    const { iteration } = payload
    if (payload.kind === 'finalise') this.saidFinal.add(iteration)
    else if (payload.block === null) this.votedDummy.add(iteration)
    else this.votedBlock.set(iteration, payload.block.toString())
  }

  /** Counts a signature; returns those of a quorum in member order once there are enough. */
  private count(
    tallies: Map<number, Tally>,
    iteration: number,
    name: string,
    member: number,
    signature: Uint8Array,
  ): Certificate['signatures'] | undefined {
    const tally = tallies.get(iteration) ?? new Map<string, Map<number, Uint8Array>>()
    tallies.set(iteration, tally)
    // A member that votes for many blocks takes no more room than two of them.
    const others = [...tally].filter(([other, by]) => other !== name && other !== DUMMY && by.has(member))
    if (name !== DUMMY && others.length > 1) return undefined
    const by = tally.get(name) ?? new Map<number, Uint8Array>()
    tally.set(name, by)
    by.set(member, signature)
    if (by.size < this.quorum) return undefined
    return [...by].sort(([a], [b]) => a - b).map(([index, bytes]) => ({ member: index, signature: bytes }))
  }

  /** Decided already, and no later block builds on it. */
  private isPast({ iteration, block }: Certificate): boolean {
    if (iteration !== this.finalIteration) return iteration < this.finalIteration
    return nameOf(block) !== nameOf(this.final?.block ?? null)
  }

  private learnCertificate(certificate: Certificate): void {
    const { iteration, block, signatures } = certificate
    if (this.isPast(certificate) || this.notarised.get(iteration)?.has(nameOf(block))) return
    const { run, verify } = this.init
    if (checkCertificate(run, votePayload(iteration, block), signatures, verify)) this.keep(certificate)
  }

  private keep(certificate: Certificate): void {
    const { iteration, block } = certificate
    if (this.isPast(certificate)) return
    const kept = this.notarised.get(iteration) ?? new Map<string, Certificate>()
    this.notarised.set(iteration, kept)
    if (!kept.has(nameOf(block))) kept.set(nameOf(block), certificate)
    this.request(block)
  }

  private learnFinal(certificate: Certificate): void {
    const { iteration, block, signatures } = certificate
    if (block === null || iteration <= this.finalIteration) return
    const { run, verify } = this.init
    if (checkCertificate(run, finalisePayload(iteration, block), signatures, verify))
      this.keepFinal(certificate)
  }

  private keepFinal(certificate: Certificate): void {
    const { iteration, block } = certificate
    if (block === null || iteration <= this.finalIteration) return
    if (this.final === undefined || iteration > this.final.iteration) this.final = certificate
    this.request(block)
  }

  private request(block: CID | null): void {
    if (block === null || this.init.view.get(block) !== undefined || this.asked.has(block.toString())) return
    this.asked.add(block.toString())
    this.out.push({ type: 'request', block })
  }

  /** Everything that may follow from what is known now. */
  private advance(): void {
    this.finalise()
    for (let next = this.nextIteration(); next > this.iteration; next = this.nextIteration()) this.enter(next)
    this.adopt()
    this.propose()
    this.vote()
    this.startTimers()
  }

  private finalise(): void {
    const { final } = this
    if (final?.block == null || final.iteration <= this.finalIteration) return
    if (this.init.view.get(final.block) === undefined) return
    this.finalIteration = final.iteration
    // Whatever came before is decided.
    for (const kept of [this.votes, this.finals, this.votedBlock, this.notarised, this.proposals])
      for (const iteration of kept.keys()) if (iteration < final.iteration) kept.delete(iteration)
    this.out.push({ type: 'finalise', block: final.block })
    if (final.iteration >= this.iteration) this.enter(final.iteration + 1)
  }

  /** The notarised block of an iteration that is there. */
  private blockAt(iteration: number): Branch<null> | undefined {
    if (iteration === this.finalIteration && this.final?.block != null)
      return this.init.view.get(this.final.block)
    for (const { block } of this.notarised.get(iteration)?.values() ?? []) {
      const branch = block === null ? undefined : this.init.view.get(block)
      if (branch !== undefined) return branch
    }
    return undefined
  }

  /** The iteration after the newest one that has ended with a notarised chain. */
  private nextIteration(): number {
    const newest = Math.max(...this.notarised.keys(), 0)
    for (let h = newest; h >= this.iteration; h--) if (this.blockAt(h) !== undefined) return h + 1
    return this.notarised.get(this.iteration)?.has(DUMMY) === true ? this.iteration + 1 : this.iteration
  }

  private enter(iteration: number): void {
    const before = iteration - 1
    const ended = this.blockAt(before)
    // Not after a vote for the dummy: whoever says this has not made the dummy possible.
    const named = ended?.block
    const wasTimed = this.iteration === before
    this.iteration = iteration
    if (named !== undefined && wasTimed && !this.votedDummy.has(before) && !this.saidFinal.has(before)) {
      this.saidFinal.add(before)
      this.send(finalisePayload(before, named.cid))
    }
    this.out.push({ type: 'disarm', timer: 'iteration' })
    this.send({
      kind: 'news',
      notarised: [...(this.notarised.get(before)?.values() ?? [])],
      final: this.final ?? null,
    })
  }

  /** What a block of this iteration follows: the newest notarised block, with notarised dummies after it. */
  private parent():
    | { readonly block: Block | undefined; readonly notarised: readonly Certificate[] }
    | undefined {
    const notarised: Certificate[] = []
    for (let h = this.iteration - 1; h > 0; h--) {
      const branch = this.blockAt(h)
      if (branch?.block !== undefined) {
        const own = this.notarised.get(h)?.get(branch.block.cid.toString())
        return own === undefined ? undefined : { block: branch.block, notarised: [own, ...notarised] }
      }
      const dummy = this.notarised.get(h)?.get(DUMMY)
      if (dummy === undefined) return undefined
      notarised.unshift(dummy)
    }
    return { block: undefined, notarised }
  }

  /** The next proposals follow the newest notarised block, also before it is final. */
  private adopt(): void {
    const parent = this.parent()
    if (parent === undefined || this.adopted === nameOf(parent.block?.cid ?? null)) return
    this.adopted = nameOf(parent.block?.cid ?? null)
    this.out.push({ type: 'adopt', block: parent.block?.cid ?? null })
  }

  private isReady(): boolean {
    const parent = this.parent()
    return parent !== undefined && this.ready === nameOf(parent.block?.cid ?? null)
  }

  private propose(): void {
    const { run, self } = this.init
    if (this.proposed >= this.iteration || run.manifest.members[leaderOf(run, this.iteration)] !== self)
      return
    const parent = this.parent()
    if (parent === undefined || !this.isReady() || this.votedBlock.has(this.iteration)) return
    this.proposed = this.iteration
    this.out.push({
      type: 'propose',
      parent: parent.block?.cid ?? null,
      proof: { iteration: this.iteration, notarised: parent.notarised },
    })
  }

  /** The first block of this iteration's leader whose aggregate is right gets this member's only vote. */
  private vote(): void {
    if (this.votedBlock.has(this.iteration)) return
    const block = this.proposals.get(this.iteration)
    if (block === undefined) return
    const name = block.cid.toString()
    const isRight = this.checked.get(name)
    if (isRight === undefined) {
      if (this.asked.has(`check ${name}`)) return
      this.asked.add(`check ${name}`)
      this.out.push({ type: 'check', block: block.cid })
      return
    }
    if (!isRight) return
    this.votedBlock.set(this.iteration, name)
    this.send(votePayload(this.iteration, block.cid))
  }

  private startTimers(): void {
    if (this.timed >= this.iteration || !this.isReady()) return
    this.timed = this.iteration
    const { deltaMs } = this.init.params
    this.out.push({ type: 'arm', timer: 'iteration', ms: 3 * deltaMs })
  }

  private giveUp(): void {
    if (this.votedDummy.has(this.iteration) || this.saidFinal.has(this.iteration)) return
    this.votedDummy.add(this.iteration)
    this.send(votePayload(this.iteration, null))
  }

  /** Messages may have been lost. */
  private repeat(): void {
    const { iteration } = this
    const voted = this.votedBlock.get(iteration)
    const proposal = this.proposals.get(iteration)
    if (proposal !== undefined) this.out.push({ type: 'repeat', block: proposal.cid })
    if (voted !== undefined && proposal?.cid.toString() === voted)
      this.send(votePayload(iteration, proposal.cid))
    if (this.votedDummy.has(iteration)) this.send(votePayload(iteration, null))
    const ended = this.blockAt(iteration - 1)?.block
    if (ended !== undefined && this.saidFinal.has(iteration - 1))
      this.send(finalisePayload(iteration - 1, ended.cid))
    const newest = [...this.notarised].filter(([h]) => h >= this.finalIteration).slice(-32)
    this.send({
      kind: 'news',
      notarised: newest.flatMap(([, kept]) => [...kept.values()]),
      final: this.final ?? null,
    })
    this.asked.clear()
    for (const [, kept] of newest) for (const { block } of kept.values()) this.request(block)
    if (this.final?.block != null) this.request(this.final.block)
    this.out.push({ type: 'arm', timer: 'repeat', ms: 6 * this.init.params.deltaMs })
  }
}

export const bft: Architecture<BftParams, null> = {
  name: 'bft',
  summary:
    'Simplex: rotating proposer, two thirds of votes, final at once; bears fewer than a third of liars.',
  params: paramsSchema,
  rules: createRules,
  participant: (init) => new Simplex(init),
}
