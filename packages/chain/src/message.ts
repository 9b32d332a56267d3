import {
  decodeCanonical,
  documentLink,
  encodeCanonical,
  LIMITS,
  namedValues,
  PROTOCOL_VERSION,
  parseFields,
  peerIdField,
  type Run,
  type SignedMessage,
  type Signer,
  signatureField,
  signBody,
  type VerifySignature,
  verifySigned,
} from '@tempered/protocol'
import { z } from 'zod'

/** What members say to each other beside blocks; the payload belongs to the architecture. */
const messageSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  run: documentLink,
  author: peerIdField,
  payload: namedValues(z.string().min(1).max(64), z.unknown()),
})
export type MessageBody = z.infer<typeof messageSchema>
export type ChainMessage = SignedMessage<MessageBody>
export type Payload = MessageBody['payload']

const signedMessageSchema = z.strictObject({ body: messageSchema, signature: signatureField })

export function signMessage(run: Run, payload: Payload, signer: Signer): ChainMessage {
  return signBody(
    'chain-message',
    { version: PROTOCOL_VERSION, run: run.id, author: signer.peerId, payload },
    signer,
  )
}

/** Checks size, encoding, fields and signature. Throws ProtocolError. */
export function openMessage(bytes: Uint8Array, verify?: VerifySignature): ChainMessage {
  const value = decodeCanonical(bytes, LIMITS.maxChainMessageBytes, 'chain message')
  const message = { ...parseFields(signedMessageSchema, value, 'chain message'), bytes }
  verifySigned('chain-message', message, verify)
  return message
}

/** Whether `signature` is `author`'s under this payload: how certificates are checked without the messages. */
export function isSignedPayload(
  run: Run,
  author: string,
  payload: Payload,
  signature: Uint8Array,
  verify?: VerifySignature,
): boolean {
  const body: MessageBody = { version: PROTOCOL_VERSION, run: run.id, author, payload }
  try {
    verifySigned('chain-message', { body, signature, bytes: encodeCanonical({ body, signature }) }, verify)
    return true
  } catch {
    return false
  }
}
