import type { Connection, PeerId } from '@libp2p/interface'
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
const replySchema = z.union([
  helloSchema,
  z.strictObject({ refused: z.string().max(64), message: z.string().max(512), run: z.string().max(128) }),
])
const statusRequestSchema = z.strictObject({ fromRound: z.int().min(0) })

type Hello = z.infer<typeof helloSchema>

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
  /** A head that this node signed itself, as a peer remembers it. */
  onOwnHead(head: SignedHead): void
  isAdmitted(peer: string): boolean
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
  const status = createStatusExchange(local, init.inbound)

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

  return {
    async start() {
      await direct.serve(STREAM_PROTOCOLS.hello, 4, async (stream, connection: Connection, signal) => {
        const peer = connection.remotePeer.toString()
        const hello = helloSchema.parse(await stream.readFrame(signal))
        const refusal = refusalOf(run, peer, hello)
        if (refusal !== undefined) {
          await stream.writeFrame({ refused: refusal.code, message: refusal.message, run: runId }, signal)
          init.onRefused(peer, refusal.code, `${peer} is not admitted: ${refusal.here}`)
          // The peer hangs up when it has read this; neighbourhood.ts closes connections without admission.
          return
        }
        await stream.writeFrame(ownHello(peer), signal)
        receiveHello(peer, hello)
      })
      await direct.serve(STREAM_PROTOCOLS.status, 8, async (stream, connection, signal) => {
        checkAdmitted(connection.remotePeer)
        const request = statusRequestSchema.parse(await stream.readFrame(signal))
        await stream.writeFrame(status.own(request.fromRound), signal)
      })
      await direct.serve(STREAM_PROTOCOLS.manifest, 2, async (stream, connection, signal) => {
        // Requested before admission: a member that has no manifest yet gets it here.
        const peer = connection.remotePeer.toString()
        await stream.readFrame(signal)
        if (!run.memberIndex.has(peer)) {
          const { code, message } = notAMember(run, peer)
          await stream.writeFrame({ refused: code, message, run: runId }, signal)
          init.onRefused(peer, code, `did not give it the manifest: ${message}`)
          return
        }
        await stream.writeFrame({ manifest: run.bytes }, signal)
      })
    },
    async introduce(peer, signal) {
      const name = peer.toString()
      const reply = parse(
        replySchema,
        await direct.request(peer, STREAM_PROTOCOLS.hello, ownHello(name), signal),
      )
      if ('refused' in reply) {
        init.onRefused(name, reply.refused, `${name} does not admit this node: ${reply.message}`)
        throw new NodeError('E_REFUSED', reply.message, { code: reply.refused, run: reply.run })
      }
      const refusal = refusalOf(run, name, reply)
      if (refusal !== undefined) {
        init.onRefused(name, refusal.code, `${name} is not admitted: ${refusal.here}`)
        throw new NodeError('E_REFUSED', refusal.here, { code: refusal.code, run: reply.run })
      }
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

/** Why a peer is not admitted, or undefined. */
function refusalOf(run: Run, peer: string, hello: Hello): Refusal | undefined {
  if (hello.version !== PROTOCOL_VERSION) {
    return {
      code: 'E_UNSUPPORTED_VERSION',
      message: `protocol version ${hello.version}, but the node that refused uses ${PROTOCOL_VERSION}; run the same version on both`,
      here: `its protocol version is ${hello.version}, that of this node ${PROTOCOL_VERSION}; run the same version on both`,
    }
  }
  if (hello.run !== run.id.toString()) {
    return {
      code: 'E_WRONG_RUN',
      message: `run ${hello.run} is not run ${run.id} of the node that refused; start with this run's manifest`,
      here: `it is in run ${hello.run}, this node in run ${run.id}; start both with the same manifest`,
    }
  }
  return run.memberIndex.has(peer) ? undefined : notAMember(run, peer)
}

function notAMember(run: Run, peer: string): Refusal {
  const message = `${peer} is not among the members of run ${run.id}; make a manifest that names it, or use a member's key`
  return { code: 'E_NOT_A_MEMBER', message, here: message }
}

function notAdmitted(peer: PeerId): NodeError {
  return new NodeError('E_NOT_ADMITTED', `${peer} is not admitted`)
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value)
  if (!result.success) throw new NodeError('E_MALFORMED', `reply: ${errorMessage(result.error)}`)
  return result.data
}
