import {
  type Block,
  blockBody,
  type ChainMessage,
  chainSpec,
  openBlock,
  openMessage,
  signBlock,
  signMessage,
} from '@tempered/chain'
import type { Run } from '@tempered/protocol'
import { modelCid } from '../../packages/node/test/support/run-fixture.js'
import { joinFrames, mutateFrames } from '../engine/frames.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { oneOf } from '../engine/mutator.js'
import { bareError, endless, greedy, missingCheck } from '../engine/plants.js'
import { Random } from '../engine/random.js'
import type { TargetEntry } from '../engine/target.js'
import { mustBeSigned, mutateDocument } from './canonical.js'
import { hear, listen } from './chain-members.js'
import { makeRun, signers } from './fixtures.js'

const ARCHITECTURES = ['bft', 'pos', 'pofl', 'pow', 'vbfl'] as const
const runOf = (architecture: string, params = {}): Run =>
  makeRun({ chain: chainSpec(architecture, params), rounds: 4 })

export const chainRun = runOf('bft')

export function anyBlock(random: Random): Block {
  const member = random.below(4)
  const proposal = {
    round: 0,
    heads: [0, 1, 3].slice(random.below(3)).map((at) => ({ member: at, entry: chainRun.id })),
    candidates: [{ member, model: modelCid(member) }],
    aggregate: modelCid(random.below(100)),
  }
  const body = blockBody({ run: chainRun, parent: undefined }, signers[member]!.peerId, proposal)
  return signBlock({ ...body, proof: { view: random.below(4), votes: [random.bytes(64)] } }, signers[member]!)
}

const anyMessage = (random: Random): ChainMessage =>
  signMessage(
    chainRun,
    { kind: 'vote', height: random.below(4), block: chainRun.id, view: 0 },
    random.pick(signers.slice(0, 4)),
  )

const plants = (code: string, valid: (random: Random) => Uint8Array) => [
  missingCheck('E_SIGNATURE', () => valid(Random.of('plant'))),
  bareError(code),
  endless('E_NOT_CANONICAL'),
  greedy('E_MALFORMED'),
]

export const CHAIN: readonly TargetEntry[] = [
  {
    name: 'block',
    about: 'blocks of a common chain (chain/block.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array => anyBlock(random).bytes
      return {
        valid,
        mutate: mutateDocument,
        decode: (input) => openBlock(input, chainRun),
        holds: (value, input) => mustBeSigned('block', value as Block, input),
        plants: plants('E_BLOCK_LISTS', valid),
      }
    },
  },
  {
    name: 'chain-message',
    about: 'what members of a chain say beside blocks (chain/message.ts)',
    open: () => {
      const valid = (random: Random): Uint8Array => anyMessage(random).bytes
      return {
        valid,
        mutate: mutateDocument,
        decode: (input) => openMessage(input),
        holds: (value, input) => mustBeSigned('chain-message', value as ChainMessage, input),
        plants: plants('E_MALFORMED', valid),
      }
    },
  },
  ...ARCHITECTURES.map(memberTarget),
]

/** A member that gets what others have signed, changed and signed again: what its architecture reads in payloads and proofs. */
function memberTarget(architecture: (typeof ARCHITECTURES)[number]): TargetEntry {
  return {
    name: `chain-${architecture}`,
    about: `a member of ${architecture} that hears blocks and messages (chain/architectures/${architecture}.ts)`,
    open: () => {
      const params = { bft: {}, pos: { slotMs: 400 }, pofl: {}, pow: { difficulty: 1 }, vbfl: {} }[
        architecture
      ]
      const run = runOf(architecture, params)
      const heard = hear(run)
      return {
        valid: (random) => {
          const from = random.below(Math.max(1, heard.length - 6))
          return joinFrames([...heard.slice(0, 2), ...heard.slice(from, from + 6)])
        },
        mutate: oneOf([6, mutateFrames(mutateDocument)], [1, mutateBytes]),
        decode: (input) => listen(run, input),
        // Nothing that a member hears may end it, so that no plant of a wrong code fits.
        plants: [
          {
            what: 'a member that stumbles over what its architecture refuses',
            plant: () => (input) =>
              listen(run, input, () => {
                throw new TypeError('Cannot read properties of undefined')
              }),
          },
        ],
      }
    },
  }
}
