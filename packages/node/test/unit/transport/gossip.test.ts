import { TopicValidatorResult } from '@libp2p/gossipsub'
import { runTopics } from '@tempered/protocol'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Inbound } from '../../../src/inbound/inbound.js'
import { InboundError, ignore, reject } from '../../../src/inbound/inbound-error.js'
import { joinTopics } from '../../../src/transport/gossip.js'
import type { Libp2pNode } from '../../../src/transport/libp2p-node.js'
import { run } from '../../support/run-fixture.js'

const topics = runTopics(run.id)
type Validator = (from: unknown, message: unknown) => TopicValidatorResult

/** Joins the topics of a fake libp2p node; `act` is what inbound does with every message. */
function setup(act: () => void, mayPublish = true) {
  const topicValidators = new Map<string, Validator>()
  const subscribed: string[] = []
  const seen: [string, Uint8Array, string | undefined][] = []
  const libp2p = {
    services: { pubsub: { topicValidators, subscribe: (topic: string) => subscribed.push(topic) } },
  } as unknown as Libp2pNode
  const note = (kind: string) => (bytes: Uint8Array, publisher?: string) => {
    seen.push([kind, bytes, publisher])
    act()
  }
  const inbound = { announcement: note('announcement'), head: note('head'), evidence: note('evidence') }
  const logged: { level: number; code?: string }[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => logged.push(JSON.parse(line)) })
  const dropped: [topic: string, code: string, culprit: string | undefined][] = []
  const guard = {
    mayPublish: () => mayPublish,
    dropped: (topic: string, code: string, _message: string, culprit: string | undefined) =>
      void dropped.push([topic, code, culprit]),
  }
  const membership = { take: () => 'known' as const }
  joinTopics({ libp2p, inbound: inbound as unknown as Inbound, membership, guard, logger }, topics)
  const data = Uint8Array.of(1)
  const say = (topic: string, type = 'signed', from = 'forwarder') =>
    topicValidators.get(topic)!(from, { type, data, from: 'publisher', topic })
  return { say, seen, subscribed, logged, dropped, data }
}

describe('gossip validation', () => {
  it('subscribes to the topics of the run and hands each to its handler: with the publisher what its author says, with the forwarder what anyone may bring', () => {
    const { say, seen, subscribed, data } = setup(() => undefined)
    expect(subscribed).toEqual([topics.announcement, topics.head, topics.evidence])
    for (const topic of subscribed) expect(say(topic)).toBe(TopicValidatorResult.Accept)
    expect(seen).toEqual([
      ['announcement', data, 'publisher'],
      ['head', data, 'publisher'],
      ['evidence', data, 'forwarder'],
    ])
  })

  it('rejects unsigned messages without reading them', () => {
    const { say, seen } = setup(() => undefined)
    expect(say(topics.head, 'unsigned')).toBe(TopicValidatorResult.Reject)
    expect(seen).toEqual([])
  })

  it('ignores what inbound ignores and says nothing of it', () => {
    const { say, logged } = setup(() => {
      throw ignore('E_DUPLICATE', 'known')
    })
    expect(say(topics.announcement)).toBe(TopicValidatorResult.Ignore)
    expect(logged).toEqual([])
  })

  it('rejects what inbound rejects and blames whoever sent it here', () => {
    const { say, dropped } = setup(() => {
      throw reject('E_MALFORMED', 'no message')
    })
    expect(say(topics.announcement)).toBe(TopicValidatorResult.Reject)
    expect(dropped).toEqual([['announcement', 'E_MALFORMED', 'forwarder']])
  })

  it('blames only its publisher for what not every honest node checks', () => {
    const { say, dropped } = setup(() => {
      throw new InboundError('blame-author', 'E_SIGNATURE', 'forged')
    })
    expect(say(topics.announcement)).toBe(TopicValidatorResult.Ignore)
    expect(say(topics.announcement, 'signed', 'publisher')).toBe(TopicValidatorResult.Reject)
    expect(dropped).toEqual([
      ['announcement', 'E_SIGNATURE', undefined],
      ['announcement', 'E_SIGNATURE', 'publisher'],
    ])
  })

  it('does not read what is over the rate of its publisher, and blames nobody for passing it on', () => {
    const { say, seen, dropped } = setup(() => undefined, false)
    expect(say(topics.head)).toBe(TopicValidatorResult.Ignore)
    expect(say(topics.head, 'signed', 'publisher')).toBe(TopicValidatorResult.Ignore)
    expect(seen).toEqual([])
    expect(dropped).toEqual([
      ['head', 'E_RATE', undefined],
      ['head', 'E_RATE', 'publisher'],
    ])
  })

  it.each([new TypeError('a bug'), 'a string', undefined])(
    'ignores a message whose handler throws %s: the bug is ours',
    (bug) => {
      const { say, logged } = setup(() => {
        throw bug
      })
      expect(say(topics.evidence)).toBe(TopicValidatorResult.Ignore)
      expect(logged).toMatchObject([{ level: 50 }])
    },
  )
})
