import type { NodeComponents } from '@tempered/node'
import { documentCid, signHead } from '@tempered/protocol'
import { CHAIN_ATTACKS, createChainAttack } from './chain-attacks.js'
import { createPrivateAttack, isPrivateAttack, PRIVATE_ATTACKS } from './private-attacks.js'

/**
 * Nodes that train and publish honestly but lie in their ledgers, for which replay and witnesses exist, or do
 * not keep to the protocol of a common chain or of private rounds. They change no model, so robust-agg does not know them.
 */
export const LEDGER_ATTACKS: Readonly<Record<string, string>> = {
  'wrong-aggregate': 'keeps its own model as the aggregate but records the verdicts of the rule',
  'forked-ledger': 'signs a second head at each height, of a ledger that it shows to nobody',
  ...CHAIN_ATTACKS,
  ...PRIVATE_ATTACKS,
}

export function isLedgerAttack(name: string): boolean {
  return Object.hasOwn(LEDGER_ATTACKS, name)
}

/** @param active whether the node attacks in a round, counted from 0 */
export function createLedgerAttack(
  name: string,
  active: (round: number) => boolean,
): Pick<NodeComponents, 'createNetwork' | 'wrapRule' | 'wrapChain' | 'privateDeviation'> {
  if (isPrivateAttack(name)) return { privateDeviation: createPrivateAttack(name, active) }
  if (Object.hasOwn(CHAIN_ATTACKS, name)) return createChainAttack(name, active)
  return name === 'wrong-aggregate' ? wrongAggregate(active) : forkedLedger(active)
}

function wrongAggregate(active: (round: number) => boolean): Pick<NodeComponents, 'wrapRule'> {
  return {
    wrapRule: (rule) => ({
      ...rule,
      aggregate(input, out) {
        const result = rule.aggregate(input, out)
        if (active(input.round)) result.vector.set(input.own)
        return result
      },
    }),
  }
}

function forkedLedger(active: (round: number) => boolean): Pick<NodeComponents, 'createNetwork'> {
  return {
    createNetwork(parts, makeLibp2p) {
      const network = makeLibp2p(parts)
      return {
        ...network,
        async publishHead(message) {
          await network.publishHead(message)
          const { version: _, author: __, witnessed: ___, ...body } = message.head.body
          if (!active(body.round)) return
          const entry = documentCid(new TextEncoder().encode(`another entry ${body.height}`))
          await network.publishHead(signHead({ ...body, entry }, [], parts.signer))
        },
      }
    },
  }
}
