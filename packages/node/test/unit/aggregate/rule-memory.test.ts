import { createRule, type SenderMemory } from '@tempered/robust-agg'
import { describe, expect, it } from 'vitest'
import { type ArrivedModel, aggregateRound } from '../../../src/aggregate/pipeline.js'
import {
  decodeMemory,
  emptyMemory,
  encodeMemory,
  memoryAfterRound,
  memoryForRound,
  type RuleMemory,
} from '../../../src/aggregate/rule-memory.js'

const sender = (tag: number): SenderMemory => ({
  vector: Float32Array.of(tag, Number.NaN, -0),
  values: [tag, Infinity, 1e-310],
})
const memory: RuleMemory = {
  own: sender(1),
  senders: new Map<string, SenderMemory>([
    ['b', sender(2)],
    ['a', { vector: null, values: [] }],
  ]),
}

describe('rule memory', () => {
  it('is restored from its bytes bit for bit, and has one encoding in any order', () => {
    const decoded = decodeMemory(encodeMemory(memory))
    expect(decoded.own).toEqual(memory.own)
    expect(Object.is(decoded.own?.vector?.[2], -0)).toBe(true)
    expect(decoded.senders.get('b')).toEqual(sender(2))
    const turned = { own: memory.own, senders: new Map([...memory.senders].toReversed()) }
    expect(encodeMemory(turned)).toEqual(encodeMemory(memory))
    expect(decodeMemory(encodeMemory(emptyMemory)).senders.size).toBe(0)
  })

  it('is handed to the round by neighbour, and kept of those who were not there', () => {
    const round = memoryForRound(memory, ['c', 'b'])
    expect(round.neighbours).toEqual([null, sender(2)])
    const after = memoryAfterRound(memory, ['c', 'b'], { own: sender(9), neighbours: [sender(7), null] })
    expect(after.own).toEqual(sender(9))
    expect([...after.senders.keys()].sort()).toEqual(['a', 'b', 'c'])
    expect(after.senders.get('b')).toEqual(sender(2))
  })

  it('that is damaged is refused, never taken in part', () => {
    const bytes = encodeMemory(memory)
    for (const damaged of [bytes.slice(1), bytes.slice(0, -1), new Uint8Array(0), Uint8Array.of(0xa0)]) {
      expect(() => decodeMemory(damaged)).toThrow(expect.objectContaining({ code: 'E_MALFORMED' }) as never)
    }
  })

  it.each([
    ['foolsgold', createRule('foolsgold', {}, { evaluator: true })],
    ['reputation before a rule', createRule('average', {}, { pre: [{ name: 'reputation' }] })],
  ])('makes %s that was stopped and started again give the bits of one that went on', async (_, rule) => {
    const neighbours = (round: number) =>
      ['a', 'b', 'c'].map(
        (peer, k): ArrivedModel => ({
          status: 'ready',
          peer,
          parameters: Float32Array.of(round + k, k === 2 ? 5 : round * k, 1 / (1 + k + round)),
          announcement: Uint8Array.of(k),
          arrival: k,
          latenessMs: 0,
          opinions: null,
        }),
      )
    const play = async (throughBytes: boolean): Promise<Float32Array> => {
      let remembered = emptyMemory
      const out = new Float32Array(3)
      for (let round = 0; round < 4; round++) {
        const { memory: next } = await aggregateRound(
          {
            rule,
            own: Float32Array.of(round, 1, 2),
            previous: new Float32Array(3),
            neighbours: neighbours(round),
            round,
            rounds: 4,
            mixing: undefined,
            memory: remembered,
            layers: [3],
            neighboursOf: () => [],
            out,
          },
          async () => 0,
        )
        if (next === undefined) throw new Error('nothing is remembered')
        remembered = throughBytes ? decodeMemory(encodeMemory(next)) : next
      }
      return out
    }
    expect(await play(true)).toEqual(await play(false))
  })
})
