import { TopicValidatorResult } from '@libp2p/gossipsub'
import { runTopics } from '@tempered/protocol'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Inbound } from '../../../src/inbound/inbound.js'
import { ignore, reject } from '../../../src/inbound/inbound-error.js'
import { joinTopics } from '../../../src/transport/gossip.js'
import type { Libp2pNode } from '../../../src/transport/libp2p-node.js'
import { run } from '../../support/run-fixture.js'

const topics = runTopics(run.id)
type Validator = (from: unknown, message: unknown) => TopicValidatorResult

/** Joins the topics of a fake libp2p node; `act` is what inbound does with every message. */
function setup(act: () => void) {
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
  joinTopics(libp2p, topics, inbound as unknown as Inbound, logger)
  const data = Uint8Array.of(1)
  const say = (topic: string, type = 'signed') =>
    topicValidators.get(topic)!('forwarder', { type, data, from: 'publisher', topic })
  return { say, seen, subscribed, logged, data }
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

  it('rejects what is not signed without looking at it', () => {
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

  it('rejects what inbound rejects and logs the code', () => {
    const { say, logged } = setup(() => {
      throw reject('E_SIGNATURE', 'forged')
    })
    expect(say(topics.announcement)).toBe(TopicValidatorResult.Reject)
    expect(logged).toMatchObject([{ level: 40, code: 'E_SIGNATURE' }])
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
