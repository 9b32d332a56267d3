import { LIMITS, openManifest, STREAM_PROTOCOLS } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorCode, errorMessage } from '../errors.js'
import type { Identity } from '../identity-file.js'
import { withMember } from './member-client.js'

/** Deadlines of a question that somebody waits for. */
const DEADLINES = { dialMs: 8_000, firstByteMs: 8_000, transferMs: 15_000 }

/** What is at an address, as far as this node learns without saying hello: the others do not take it for a neighbour. */
export type MemberProbe =
  /** It is in this run and takes this node for a member. */
  | { readonly what: 'member'; readonly peer: string; readonly run: string }
  /** It does not give this node the manifest of its run. */
  | { readonly what: 'refuses'; readonly peer: string; readonly code: string; readonly message: string }
  /** It speaks libp2p, but not this version of the protocol. */
  | { readonly what: 'other-protocol'; readonly peer: string; readonly protocol: string }
  /** The connection or the question failed. `peer`: whom it reached; undefined for nobody. */
  | {
      readonly what: 'failed'
      readonly peer: string | undefined
      readonly code: string
      readonly message: string
    }

/** Connects with an address and asks for the manifest, which members give before admission. Never rejects. */
export async function probeMember(
  identity: Identity,
  address: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<MemberProbe> {
  let reached: string | undefined
  try {
    const call = { clock, deadlines: DEADLINES, signal }
    return await withMember(identity, address, call, async (member, direct) => {
      const peer = member.toString()
      reached = peer
      const limit = LIMITS.maxManifestBytes + 64
      const reply = await direct.request(member, STREAM_PROTOCOLS.manifest, {}, signal, limit)
      const { manifest, refused, message } = (reply ?? {}) as Readonly<Record<string, unknown>>
      if (typeof refused === 'string')
        return { what: 'refuses', peer, code: refused, message: String(message) }
      if (!(manifest instanceof Uint8Array))
        return { what: 'failed', peer, code: 'E_MALFORMED', message: 'it sent no manifest' }
      return { what: 'member', peer, run: openManifest(manifest).id.toString() }
    })
  } catch (error) {
    if (reached !== undefined && isUnknownProtocol(error))
      return { what: 'other-protocol', peer: reached, protocol: STREAM_PROTOCOLS.manifest }
    return { what: 'failed', peer: reached, code: errorCode(error), message: errorMessage(error) }
  }
}

function isUnknownProtocol(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause as unknown)
    if (at.name === 'UnsupportedProtocolError') return true
  return false
}
