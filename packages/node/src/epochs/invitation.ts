import { randomBytes } from 'node:crypto'
import {
  decodeCanonical,
  documentLink,
  encodeCanonical,
  parseFields,
  peerIdField,
  type Signer,
  signatureField,
  signBody,
  verifySigned,
} from '@tempered/protocol'
import { base64url } from 'multiformats/bases/base64'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { NodeError } from '../errors.js'

/** What a member gives to an organisation that is to join: where to ask, and its word for it. */
export interface Invitation {
  readonly run: CID
  /** The member that invites. */
  readonly author: string
  /** Multiaddrs of members, of the one that invites first. */
  readonly addresses: readonly string[]
  /** Milliseconds since 1970. */
  readonly expires: number
  /** Makes each invitation another one: it is used once. */
  readonly nonce: string
}

const bodySchema = z.strictObject({
  run: documentLink,
  author: peerIdField,
  addresses: z.array(z.string().min(1).max(256)).min(1).max(8),
  expires: z.int().min(0),
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
})
const schema = z.strictObject({ body: bodySchema, signature: signatureField })

export const MAX_INVITATION_BYTES = 4096
const PREFIX = 'tempered-invitation-'

/** One line of text that can be sent by mail. */
export function writeInvitation(init: Omit<Invitation, 'author' | 'nonce'>, signer: Signer): string {
  const body = { ...init, author: signer.peerId, nonce: randomBytes(16).toString('hex') }
  const { bytes } = signBody('invitation', { ...body, addresses: [...init.addresses] }, signer)
  return `${PREFIX}${base64url.encode(bytes)}`
}

/** Throws E_INVITATION for anything but an invitation that its author signed; it may be over. */
export function readInvitation(text: string): {
  readonly invitation: Invitation
  readonly bytes: Uint8Array
} {
  const line = text.trim()
  if (!line.startsWith(PREFIX))
    throw invalid(`it does not begin with ${PREFIX}; copy the whole line that \`member invite\` printed`)
  let bytes: Uint8Array
  try {
    bytes = base64url.decode(line.slice(PREFIX.length))
  } catch {
    throw invalid('it is cut off or changed; copy the whole line that `member invite` printed')
  }
  return { invitation: openInvitation(bytes), bytes }
}

/** Throws E_INVITATION. */
export function openInvitation(bytes: Uint8Array): Invitation {
  try {
    const value = decodeCanonical(bytes, MAX_INVITATION_BYTES, 'invitation')
    const { body, signature } = parseFields(schema, value, 'invitation')
    verifySigned('invitation', { body, signature, bytes: encodeCanonical({ body, signature }) })
    return body
  } catch (error) {
    throw invalid((error as Error).message)
  }
}

function invalid(what: string): NodeError {
  return new NodeError('E_INVITATION', `this is no invitation: ${what}`)
}
