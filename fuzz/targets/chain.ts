import {
  type Block,
  blockBody,
  ChainError,
  type ChainMember,
  type ChainMessage,
  chainSpec,
  createChainMember,
  type MemberOutput,
  openBlock,
  openChain,
  openMessage,
  signBlock,
  signMessage,
} from '@tempered/chain'
import { encodeCanonical, ProtocolError, type Run } from '@tempered/protocol'
import { modelCid } from '../../packages/node/test/support/run-fixture.js'
import { joinFrames, mutateFrames, splitFrames } from '../engine/frames.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { oneOf } from '../engine/mutator.js'
import { bareError, endless, greedy, missingCheck } from '../engine/plants.js'
import { Random } from '../engine/random.js'
import { Broken, type TargetEntry } from '../engine/target.js'
import { mustBeSigned, mutateDocument } from './canonical.js'
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

const memberOf = (run: Run, k: number): ChainMember<unknown> => {
  const { architecture, params } = openChain(run.manifest.chain!)
  let now = 0
  return createChainMember({ run, architecture, params, signer: signers[k]!, now: () => (now += 100) })
}

/** What four honest members say until nothing is left to say. */
function hear(run: Run): Uint8Array[] {
  const members = [0, 1, 2, 3].map((k) => memberOf(run, k))
  const said: Uint8Array[] = []
  const queue: (() => void)[] = []
  const offer = (k: number, block: Block | undefined): void => {
    const round = block === undefined ? 0 : block.body.round + 1
    if (round >= 3) return
    const proposal = {
      round,
      heads: [],
      candidates: [{ member: k, model: modelCid(k) }],
      aggregate: modelCid(100 + round),
    }
    queue.push(() => act(k, members[k]!.handle({ type: 'proposal', parent: block?.cid ?? null, proposal })))
  }
  const act = (k: number, outputs: readonly MemberOutput[]): void => {
    for (const one of outputs) {
      if (one.type === 'send-block' || one.type === 'send-message') {
        const { bytes } = one.type === 'send-block' ? one.block : one.message
        said.push(bytes)
        for (const [to, member] of members.entries())
          if (to !== k)
            queue.push(() =>
              act(
                to,
                member.handle(
                  one.type === 'send-block'
                    ? { type: 'block', block: one.block }
                    : { type: 'message', message: one.message },
                ),
              ),
            )
      }
      if (one.type === 'check')
        queue.push(() => act(k, members[k]!.handle({ type: 'checked', block: one.block.cid, isRight: true })))
      if (one.type === 'evaluate')
        queue.push(() =>
          act(
            k,
            members[k]!.handle({ type: 'evaluated', model: one.model, on: one.on, score: 0.5 } as never),
          ),
        )
      if (one.type === 'mine')
        queue.push(() =>
          act(
            k,
            members[k]!.handle({
              type: 'mined',
              body: { ...one.body, proof: { ...one.body.proof, nonce: 0 } },
            }),
          ),
        )
      if (one.type === 'adopted') offer(k, one.block)
      if (one.type === 'arm')
        queue.push(() => act(k, members[k]!.handle({ type: 'timeout', timer: one.timer } as never)))
    }
  }
  for (const k of members.keys()) offer(k, undefined)
  for (let turn = 0; turn < 600 && said.length < 40; turn++) {
    try {
      queue.shift()?.()
    } catch (error) {
      if (!(error instanceof ChainError)) throw error
    }
  }
  return said
}

/** A fresh member that hears one after the other; what breaks the rules is dropped, as in a node. */
function listen(run: Run, input: Uint8Array, onRefused: () => void = () => undefined): number {
  const member = memberOf(run, 0)
  let heard = 0
  const frames = splitFrames(input).slice(0, 12)
  for (const frame of frames) {
    try {
      const isBlock = Buffer.from(frame).includes('headsRoot')
      if (isBlock) member.handle({ type: 'block', block: openBlock(frame, run) })
      else member.handle({ type: 'message', message: openMessage(frame) })
      heard += 1
    } catch (error) {
      if (!(error instanceof ChainError || error instanceof ProtocolError)) throw error
      if (error instanceof ChainError || error.code === 'E_MALFORMED') onRefused()
    }
  }
  if (heard > frames.length) throw new Broken('more was heard than said')
  return encodeCanonical({ heard }).byteLength
}
