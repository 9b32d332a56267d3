import { bytesField, decodeCanonical, encodeCanonical } from '@tempered/protocol'
import type { RoundMemory, SenderMemory } from '@tempered/robust-agg'
import { z } from 'zod'
import { NodeError } from '../errors.js'

/**
 * A rule's memory of each sender between rounds, by peer id. It is stored as a blob in every round and named in the
 * ledger, so that it survives a restart and a replay can begin at any round.
 */
export interface RuleMemory {
  readonly own: SenderMemory | null
  readonly senders: ReadonlyMap<string, SenderMemory>
}

export const emptyMemory: RuleMemory = { own: null, senders: new Map() }

/** The memory in the form that a rule gets in a round with these neighbours. */
export function memoryForRound(memory: RuleMemory, peers: readonly string[]): RoundMemory {
  return { own: memory.own, neighbours: peers.map((peer) => memory.senders.get(peer) ?? null) }
}

/** The memory after a round: the rule's result, and the old memory of senders who were absent. */
export function memoryAfterRound(
  memory: RuleMemory,
  peers: readonly string[],
  given: RoundMemory,
): RuleMemory {
  const senders = new Map(memory.senders)
  for (const [k, peer] of peers.entries()) {
    const sender = given.neighbours[k]
    if (sender !== undefined && sender !== null) senders.set(peer, sender)
  }
  return { own: given.own, senders }
}

const senderSchema = z.strictObject({ vector: bytesField.nullable(), values: bytesField })
const memorySchema = z.strictObject({
  own: senderSchema.nullable(),
  senders: z.array(z.tuple([z.string(), senderSchema])),
})

/** One encoding for one memory: senders by peer id, numbers as little-endian bytes. */
export function encodeMemory(memory: RuleMemory): Uint8Array {
  const senders = [...memory.senders].sort(([a], [b]) => (a < b ? -1 : 1))
  return encodeCanonical({
    own: memory.own === null ? null : packed(memory.own),
    senders: senders.map(([peer, sender]) => [peer, packed(sender)]),
  })
}

/** Throws E_MALFORMED. */
export function decodeMemory(blob: Uint8Array): RuleMemory {
  const parsed = memorySchema.safeParse(decodeCanonical(blob, blob.byteLength, 'rule memory'))
  if (!parsed.success) throw new NodeError('E_MALFORMED', 'rule memory: not in the encoding that nodes write')
  const { own, senders } = parsed.data
  for (const [k, [peer]] of senders.entries())
    if (k > 0 && senders[k - 1]![0] >= peer)
      throw new NodeError('E_MALFORMED', 'rule memory: its senders are not in order, or one is there twice')
  return {
    own: own === null ? null : unpacked(own),
    senders: new Map(senders.map(([peer, sender]) => [peer, unpacked(sender)])),
  }
}

function packed({ vector, values }: SenderMemory): z.infer<typeof senderSchema> {
  return {
    vector: vector === null ? null : new Uint8Array(Float32Array.from(vector).buffer),
    values: new Uint8Array(Float64Array.from(values).buffer),
  }
}

function unpacked({ vector, values }: z.infer<typeof senderSchema>): SenderMemory {
  if ((vector?.byteLength ?? 0) % 4 !== 0 || values.byteLength % 8 !== 0)
    throw new NodeError('E_MALFORMED', 'rule memory: a vector of invalid length')
  return {
    vector: vector === null ? null : new Float32Array(new Uint8Array(vector).buffer),
    values: [...new Float64Array(new Uint8Array(values).buffer)],
  }
}
