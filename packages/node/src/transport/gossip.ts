import { type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { RunTopics } from '@tempered/protocol'
import type { Inbound } from '../inbound/inbound.js'
import { InboundError } from '../inbound/inbound-error.js'
import type { Logger } from '../logger.js'
import type { Libp2pNode } from './libp2p-node.js'

/**
 * Subscribes to the topics of a run. Validation and delivery are one step: the validator delivers valid messages.
 * Only this function maps errors to gossip outcomes: an InboundError names its outcome; anything else is a bug of
 * ours, so the message is ignored, the bug is logged, and no peer is punished.
 */
export function joinTopics(
  libp2p: Libp2pNode,
  topics: RunTopics,
  inbound: Inbound,
  logger: Logger,
  { hasChain = false, isPrivate = false }: { readonly hasChain?: boolean; readonly isPrivate?: boolean } = {},
): void {
  const { pubsub } = libp2p.services
  const handlers: [string, (bytes: Uint8Array, publisher: string, from: string) => unknown][] = [
    [topics.announcement, (bytes, publisher) => inbound.announcement(bytes, publisher)],
    [topics.head, (bytes, publisher) => inbound.head(bytes, publisher)],
    [topics.evidence, (bytes, _publisher, from) => inbound.evidence(bytes, from)],
  ]
  if (hasChain)
    handlers.push(
      [topics.block, (bytes) => inbound.block(bytes)],
      [topics.chainMessage, (bytes) => inbound.chainMessage(bytes)],
    )
  if (isPrivate) handlers.push([topics.groupWord, (bytes) => inbound.groupWord(bytes)])
  for (const [topic, handle] of handlers) {
    pubsub.topicValidators.set(topic, (from, message: Message) => {
      if (message.type !== 'signed') return TopicValidatorResult.Reject
      try {
        handle(message.data, message.from.toString(), from.toString())
        return TopicValidatorResult.Accept
      } catch (error) {
        if (error instanceof InboundError) {
          if (error.action === 'ignore') return TopicValidatorResult.Ignore
          logger.warn({ peer: from.toString(), code: error.code }, `gossip rejected: ${error.message}`)
          return TopicValidatorResult.Reject
        }
        logger.error({ err: error, topic }, 'bug: gossip handler failed')
        return TopicValidatorResult.Ignore
      }
    })
    pubsub.subscribe(topic)
  }
}
