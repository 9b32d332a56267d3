import { type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { RunTopics } from '@tempered/protocol'
import type { Membership } from '../epochs/membership.js'
import type { GossipTopic } from '../guard/budgets.js'
import type { NodeGuard } from '../guard/node-guard.js'
import type { Inbound } from '../inbound/inbound.js'
import { InboundError } from '../inbound/inbound-error.js'
import { takeChange } from '../inbound/validate-change.js'
import type { Logger } from '../logger.js'
import type { Libp2pNode } from './libp2p-node.js'

type Handler = (bytes: Uint8Array, publisher: string, from: string) => unknown

export interface GossipComponents {
  readonly libp2p: Libp2pNode
  readonly inbound: Inbound
  readonly membership: Pick<Membership, 'take'>
  readonly guard: Pick<NodeGuard, 'mayPublish' | 'dropped'>
  readonly logger: Logger
}

/**
 * Subscribes to the topics of a run. Validation and delivery are one step: the validator delivers valid messages.
 * Only this function maps errors to gossip outcomes: an InboundError names its outcome; anything else is a bug of
 * ours, so the message is ignored, the bug is logged, and no peer is punished.
 */
export function joinTopics(
  { libp2p, inbound, membership, guard, logger }: GossipComponents,
  topics: RunTopics,
  {
    hasChain = false,
    isPrivate = false,
    isChangeable = false,
  }: { readonly hasChain?: boolean; readonly isPrivate?: boolean; readonly isChangeable?: boolean } = {},
): void {
  const { pubsub } = libp2p.services
  const handlers: [GossipTopic, Handler][] = [
    ['announcement', (bytes, publisher) => inbound.announcement(bytes, publisher)],
    ['head', (bytes, publisher) => inbound.head(bytes, publisher)],
    ['evidence', (bytes, _publisher, from) => inbound.evidence(bytes, from)],
  ]
  if (hasChain)
    handlers.push(
      ['block', (bytes) => inbound.block(bytes)],
      ['chainMessage', (bytes) => inbound.chainMessage(bytes)],
    )
  if (isChangeable) handlers.push(['change', (bytes) => takeChange(bytes, membership, 'gossip')])
  if (isPrivate) handlers.push(['groupWord', (bytes) => inbound.groupWord(bytes)])

  /** @param from - the connected peer, which may have passed on what `publisher` sent */
  const outcome = (
    topic: GossipTopic,
    handle: Handler,
    bytes: Uint8Array,
    publisher: string,
    from: string,
  ) => {
    const author = publisher === from ? from : undefined
    if (!guard.mayPublish(topic, publisher)) {
      guard.dropped(topic, 'E_RATE', `more messages on topic ${topic} than one member may publish`, author)
      return TopicValidatorResult.Ignore
    }
    try {
      handle(bytes, publisher, from)
      return TopicValidatorResult.Accept
    } catch (error) {
      if (!(error instanceof InboundError)) {
        logger.error({ err: error, topic }, 'bug: gossip handler failed')
        return TopicValidatorResult.Ignore
      }
      const culprit = { ignore: undefined, reject: from, 'blame-author': author }[error.action]
      guard.dropped(topic, error.code, `gossip rejected: ${error.message}`, culprit)
      return culprit === undefined ? TopicValidatorResult.Ignore : TopicValidatorResult.Reject
    }
  }

  for (const [topic, handle] of handlers) {
    pubsub.topicValidators.set(topics[topic], (from, message: Message) =>
      message.type === 'signed'
        ? outcome(topic, handle, message.data, message.from.toString(), from.toString())
        : TopicValidatorResult.Reject,
    )
    pubsub.subscribe(topics[topic])
  }
}
