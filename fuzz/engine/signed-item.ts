import { createSigner, type Signer, verifySignature } from '@tempered/protocol'
import { type Item, textOf, valueOfKey, writeItem } from './cbor-item.js'

/** Keys of the fixtures: member k has the seed of 32 bytes k + 1. */
const SIGNERS: ReadonlyMap<string, Signer> = new Map(
  Array.from({ length: 12 }, (_, k) => createSigner(new Uint8Array(32).fill(k + 1))).map((signer) => [
    signer.peerId,
    signer,
  ]),
)
const DOMAINS = ['announcement', 'head', 'entry', 'block', 'chain-message', 'group-word', 'invitation'].map(
  (kind) => new TextEncoder().encode(`tempered/${kind}/v1\0`),
)

/** What a signature was made for, by the signature: the kind of message, and the body. */
const made = new Map<string, { readonly domain: Uint8Array; readonly body: Uint8Array }>()

/** Remembers what the signatures in a valid message are for, so that a changed message can be signed again. */
export function noteSignatures(item: Item): void {
  const parts = signedParts(item)
  if (parts !== undefined) {
    const name = Buffer.from(parts.signature.content!).toString('latin1')
    if (!made.has(name)) {
      const body = writeItem(parts.body)
      const domain = DOMAINS.find((prefix) =>
        verifySignature(parts.author, Buffer.concat([prefix, body]), parts.signature.content!),
      )
      if (domain !== undefined) made.set(name, { domain, body })
    }
  }
  for (const child of item.items ?? []) noteSignatures(child)
  if (item.document !== undefined) noteSignatures(item.document)
}

function signedParts(item: Item) {
  const body = valueOfKey(item, 'body')
  const signature = valueOfKey(item, 'signature')
  const author = body && valueOfKey(body, 'author')
  const name = author && textOf(author)
  if (body === undefined || signature?.content === undefined || name === undefined || !SIGNERS.has(name))
    return undefined
  return { body, signature, author: name }
}

/** The bytes of an item whose signed parts are signed again by their authors, the innermost first. */
export function writeSigned(item: Item): Uint8Array {
  const sign = (one: Item): void => {
    for (const child of one.items ?? []) sign(child)
    const parts = signedParts(one)
    if (parts === undefined || parts.signature.major !== 2) return
    const known = made.get(Buffer.from(parts.signature.content!).toString('latin1'))
    if (known === undefined) return
    const body = writeItem(parts.body, writeSigned)
    if (Buffer.compare(body, known.body) === 0) return
    parts.signature.content = SIGNERS.get(parts.author)!.sign(Buffer.concat([known.domain, body]))
  }
  sign(item)
  return writeItem(item, writeSigned)
}
