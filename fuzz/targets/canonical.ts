import { encodeCanonical, equalBytes, type SignedMessage, verifySignature } from '@tempered/protocol'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { mutateCbor } from '../engine/mutate-cbor.js'
import { oneOf } from '../engine/mutator.js'
import { must } from '../engine/target.js'

/** Changes of documents in canonical DAG-CBOR. */
export const mutateDocument = oneOf([3, mutateCbor], [1, mutateBytes])

/** A signed message is what its bytes say, in their only encoding. */
export function mustBeThese(message: SignedMessage<unknown>, input: Uint8Array): void {
  const { body, signature, bytes } = message
  must(equalBytes(bytes, input), 'the message keeps the bytes that it came from')
  must(
    equalBytes(encodeCanonical({ body, signature }), input),
    'what it decodes to encodes to the same bytes',
  )
}

/** The same, and its author signed these bytes. */
export function mustBeSigned(
  kind: string,
  message: SignedMessage<{ readonly author: string }>,
  input: Uint8Array,
): void {
  mustBeThese(message, input)
  const { body, signature } = message
  const signed = Buffer.concat([new TextEncoder().encode(`tempered/${kind}/v1\0`), encodeCanonical(body)])
  must(verifySignature(body.author, signed, signature), 'its author signed its body')
}
