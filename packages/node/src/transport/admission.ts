import type { PeerId } from '@libp2p/interface'
import { printableLine } from '@tempered/errors'
import {
  bytesField,
  decodeHead,
  LIMITS,
  PROTOCOL_VERSION,
  ProtocolError,
  type Run,
  type SignedHead,
  STREAM_PROTOCOLS,
  verifyHead,
} from '@tempered/protocol'
import { z } from 'zod'
import { errorMessage, NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Inbound } from '../inbound/inbound.js'
import type { DirectProtocols } from './direct-protocols.js'
import type { LocalSource, PeerStatus } from './network.js'
import { createStatusExchange, statusFields, statusSchema } from './status-exchange.js'

/**
 * Decides who may take part. Both sides of a new connection say which run they are in. A node of another run, of
 * another protocol version or outside the member list gets a refusal with a code and is not admitted. Only admitted
 * peers get models, statuses and addresses.
 */
const helloSchema = z.strictObject({
  version: z.int(),
  run: z.string().max(128),
  addresses: z.array(z.string().max(256)).max(LIMITS.maxAddressesPerPeer),
  ...statusFields,
  /** The newest head that the speaker has seen from the listener: it exposes a ledger that was rolled back. */
  yourHead: bytesField.nullable(),
})
const refusedSchema = z.strictObject({
  refused: z.string().max(64).transform(asCode),
  message: z.string().max(512).transform(line),
  /** Empty for strangers, who learn nothing of the run. */
  run: z.string().max(128).transform(line),
})
/** Read first: nodes of other versions may send other fields beside it. */
const versionSchema = z.looseObject({ version: z.int() })
const statusRequestSchema = z.strictObject({ fromRound: z.int().min(0) })

type Hello = z.infer<typeof helloSchema>
type Answer = Parameters<DirectProtocols['serve']>[2]

export interface AdmissionInit {
  readonly run: Run
  /** Peer id of this node. */
  readonly self: string
  readonly direct: DirectProtocols
  readonly inbound: Inbound
  readonly local: LocalSource
  addresses(): readonly string[]
  /** A peer has proven to be a member of this run; `addresses` are where it says it listens. */
  onAdmitted(peer: string, addresses: readonly string[]): void
  onRefused(peer: string, code: string, message: string): void
  /** A member sent what no honest node would. */
  onFault(peer: string, code: string): void
  /** A head that this node signed itself, as a peer remembers it. */
  onOwnHead(head: SignedHead): void
  isAdmitted(peer: string): boolean
  /** A peer does not know this node as a member: it may lack a change of the run, or this node may. */
  onUnknownHere(peer: string, signal: AbortSignal): Promise<void>
}

export interface Admission {
  start(): Promise<void>
  /** Says hello to a peer we have dialled. Resolves when each side has admitted the other; throws NodeError. */
  introduce(peer: PeerId, signal: AbortSignal): Promise<void>
  pollStatus(peer: PeerId, fromRound: number, signal: AbortSignal): Promise<PeerStatus>
}

export function createAdmission(init: AdmissionInit): Admission {
  const { run, direct, local } = init
  const runId = run.id.toString()
  const status = createStatusExchange(local, init.inbound, init.onFault)

  const ownHello = (peer: string): Hello => ({
    version: PROTOCOL_VERSION,
    run: runId,
    addresses: init.addresses().slice(0, LIMITS.maxAddressesPerPeer),
    ...status.own(0),
    yourHead: local.newestHead(peer)?.bytes ?? null,
  })

  const receiveHello = (peer: string, { addresses, yourHead, ...hello }: Hello): void => {
    init.onAdmitted(peer, addresses)
    if (yourHead !== null) receiveYourHead(yourHead)
    status.receive(peer, hello)
  }

  /** A head of this node that a peer remembers. It counts only when this node signed it. */
  const receiveYourHead = (bytes: Uint8Array): void => {
    try {
      const head = decodeHead(bytes)
      if (head.body.author !== init.self || !head.body.run.equals(run.id)) return
      verifyHead(head)
      init.onOwnHead(head)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
  }

  const checkAdmitted = (peer: PeerId): void => {
    if (!init.isAdmitted(peer.toString())) throw notAdmitted(peer)
  }

  const answerHello: Answer = async (stream, connection, signal) => {
    const peer = connection.remotePeer.toString()
    const refuse = async ({ code, message, here }: Refusal, named: string): Promise<void> => {
      await stream.writeFrame({ refused: code, message, run: named }, signal)
      init.onRefused(peer, code, `${peer} is not admitted: ${here}`)
      // The peer hangs up when it has read this; neighbourhood.ts closes connections without admission.
    }
    const frame = await stream.readFrame(signal)
    // What strangers say does not matter, and they learn nothing of the run.
    if (!run.memberIndex.has(peer)) return refuse(notAMember(run, peer), '')
    const refusal =
      versionRefusal(versionSchema.parse(frame).version) ?? runRefusal(run, helloSchema.parse(frame))
    if (refusal !== undefined) return refuse(refusal, runId)
    await stream.writeFrame(ownHello(peer), signal)
    receiveHello(peer, helloSchema.parse(frame))
  }

  return {
    async start() {
      await direct.serve(STREAM_PROTOCOLS.hello, STREAMS_PER_PEER.hello, answerHello)
      await direct.serve(
        STREAM_PROTOCOLS.status,
        STREAMS_PER_PEER.status,
        async (stream, connection, signal) => {
          checkAdmitted(connection.remotePeer)
          const request = statusRequestSchema.parse(await stream.readFrame(signal))
          await stream.writeFrame(status.own(request.fromRound), signal)
        },
      )
      await direct.serve(
        STREAM_PROTOCOLS.manifest,
        STREAMS_PER_PEER.manifest,
        async (stream, connection, signal) => {
          // Requested before admission: a member that has no manifest yet gets it here.
          const peer = connection.remotePeer.toString()
          await stream.readFrame(signal)
          if (!run.memberIndex.has(peer)) {
            const { code, message, here } = notAMember(run, peer)
            await stream.writeFrame({ refused: code, message, run: '' }, signal)
            init.onRefused(peer, code, `did not give ${peer} the manifest: ${here}`)
            return
          }
          await stream.writeFrame({ manifest: run.bytes }, signal)
        },
      )
    },
    async introduce(peer, signal) {
      const name = peer.toString()
      const refuse = ({ code, here }: Refusal, named: string): never => {
        init.onRefused(name, code, `${name} is not admitted: ${here}`)
        throw new NodeError('E_REFUSED', here, { code, run: named })
      }
      // A stranger at an address that was configured is told nothing either.
      if (!run.memberIndex.has(name)) refuse(notAMember(run, name), '')
      const frame = await direct.request(peer, STREAM_PROTOCOLS.hello, ownHello(name), signal)
      const refused = refusedSchema.safeParse(frame)
      if (refused.success) {
        const { refused: code, message, run: named } = refused.data
        init.onRefused(name, code, `${name} does not admit this node: ${message}`)
        if (code === 'E_NOT_A_MEMBER') await init.onUnknownHere(name, signal)
        throw new NodeError('E_REFUSED', message, { code, run: named })
      }
      const otherVersion = versionRefusal(parse(versionSchema, frame).version)
      if (otherVersion !== undefined) refuse(otherVersion, '')
      const reply = parse(helloSchema, frame)
      const otherRun = runRefusal(run, reply)
      if (otherRun !== undefined) refuse(otherRun, reply.run)
      receiveHello(name, reply)
    },
    async pollStatus(peer, fromRound, signal) {
      const reply = await direct.request(peer, STREAM_PROTOCOLS.status, { fromRound }, signal)
      return status.receive(peer.toString(), parse(statusSchema, reply))
    },
  }
}

interface Refusal {
  readonly code: string
  /** For the peer. */
  readonly message: string
  /** For the operator of this node. */
  readonly here: string
}

/** Why a peer of this version is not admitted, or undefined. */
function versionRefusal(version: number): Refusal | undefined {
  if (version === PROTOCOL_VERSION) return undefined
  const isOlder = version < PROTOCOL_VERSION
  return {
    code: 'E_UNSUPPORTED_VERSION',
    message: `protocol version ${version}, but the node that refused uses ${PROTOCOL_VERSION}; run the same version on both: update ${isOlder ? 'this node' : 'the other one'}`,
    here: `its protocol version is ${version}, that of this node ${PROTOCOL_VERSION}; run the same version on both: update ${isOlder ? 'the other one' : 'this node'}`,
  }
}

/** Why a member is not admitted that is in another run, or undefined. */
function runRefusal(run: Run, hello: Hello): Refusal | undefined {
  if (hello.run === run.id.toString()) return undefined
  const other = printableLine(hello.run)
  return {
    code: 'E_WRONG_RUN',
    message: `run ${other} is not run ${run.id} of the node that refused; start with this run's manifest`,
    here: `it is in run ${other}, this node in run ${run.id}; start both with the same manifest`,
  }
}

function notAMember(run: Run, peer: string): Refusal {
  return {
    code: 'E_NOT_A_MEMBER',
    message: `${peer} is not a member of the run of the node that refused; make a manifest that names it, or use a member's key`,
    here: `${peer} is not among the members of run ${run.id}; make a manifest that names it, or use a member's key`,
  }
}

function line(text: string): string {
  return printableLine(text)
}

/** A code as a peer may write it: it appears in logs and counters. */
function asCode(text: string): string {
  return /^E_[A-Z_]+$/.test(text) ? text : 'E_REFUSED'
}

function notAdmitted(peer: PeerId): NodeError {
  return new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value)
  if (!result.success) throw new NodeError('E_MALFORMED', `reply: ${errorMessage(result.error)}`)
  return result.data
}
