import {
  type Entry,
  LIMITS,
  type Run,
  type SignedEntry,
  type SignedGroupWord,
  sha256,
  signGroupWord,
} from '@tempered/protocol'
import {
  announce,
  headOf,
  makeEntry,
  makeRun,
  modelCid,
  signers,
} from '../../packages/node/test/support/run-fixture.js'
import type { Random } from '../engine/random.js'

/** Documents of the run that the tests of packages/node use too, each with what a seed decides. */

export const anyAnnouncement = (random: Random, run?: Run) =>
  announce(random.pick(signers.slice(0, 4)), random.below(40), {
    ...(run === undefined ? {} : { run: run.id, byteLength: run.modelBytes, parent: run.id }),
    model: modelCid(random.below(1000)),
    norm: random.pick([0, 1, 0.5, 1e9]),
    opinions: random.chance(0.5)
      ? null
      : Array.from({ length: random.below(5) }, () => random.pick([0, 1, null] as const)),
  })

export const anyHead = (random: Random) => {
  const height = random.below(5)
  const others = signers.slice(1, 4).filter(() => random.chance(0.6))
  return headOf(
    signers[0]!,
    height,
    { round: height + random.below(3) },
    others.map((signer) => headOf(signer, random.below(3))),
  )
}

const COMPARISON = { distance: 1, cosine: 0.5, novelty: null, overlap: 0.25, copyOf: null, freeRide: null }

export function anyEntry(random: Random, parent?: SignedEntry): SignedEntry {
  const changes: Partial<Omit<Entry, 'version' | 'author'>> = {
    ...(random.chance(0.3) ? { dataCommitment: sha256(Uint8Array.of(random.below(256))) } : {}),
    ...(random.chance(0.3)
      ? {
          contribution: {
            start: { loss: 0.5, metric: null },
            own: { ...COMPARISON },
            neighbours: [{ leaveOneOut: 0.1, ...COMPARISON, freeRide: 'copy' as const, copyOf: 2 }, null],
          },
        }
      : {}),
    ...(random.chance(0.3) ? { privacy: { transcript: modelCid(7), sum: null } } : {}),
    ...(random.chance(0.3) ? { differentialPrivacy: { epsilon: 1.5, steps: 3, samplingRate: 0.25 } } : {}),
    ...(random.chance(0.3) ? { neighbours: [] } : {}),
  }
  return makeEntry(parent === undefined ? 0 : parent.body.height + 1, parent?.cid ?? makeRun().id, changes)
}

export function anyGroupWord(random: Random, run: Run = makeRun()): SignedGroupWord {
  const about = { run: run.id, round: random.below(3) }
  const digest = sha256(random.bytes(4))
  const dealers = [0, 1, 2].slice(0, random.between(1, 3))
  const values = random.bytes(8 * random.below(6))
  const bodies = [
    { ...about, kind: 'deal', vectors: random.bytes(96), masks: random.bytes(96) },
    { ...about, kind: 'answers', about: [{ dealer: 1, deal: digest, values }], refused: dealers },
    { ...about, kind: 'distances', dealers, values },
    { ...about, kind: 'vote', decision: digest, dealers, weights: dealers.map(() => 21_845) },
    { ...about, kind: 'masked', dealers, vector: digest },
    { ...about, kind: 'opening', decision: digest, values, share: digest },
    { ...about, kind: 'combined', decision: digest, dealers, share: digest },
    { ...about, kind: 'complaint', dealers },
  ] as const
  return signGroupWord(random.pick(bodies) as never, random.pick(signers.slice(0, 4)))
}

/** A manifest with some of what may be in one. */
export const anyRun = (random: Random): Run =>
  makeRun({
    name: `run ${random.below(100)}`,
    parameterCount: random.between(1, 1000),
    rounds: random.between(1, LIMITS.maxRounds),
    rule: random.pick([
      { name: 'average', params: {}, pre: [] },
      { name: 'balance', params: { gamma: 0.3 }, pre: [{ name: 'clip', params: { tau: 1 } }] },
    ]),
    ...(random.chance(0.3)
      ? { chain: { architecture: 'bft', params: { deltaMs: 500, miners: [0, 1] } } }
      : {}),
    ...(random.chance(0.3) ? { contribution: { every: 2 } } : {}),
    ...(random.chance(0.3)
      ? {
          privacy: {
            mode: 'shares' as const,
            threshold: 1,
            group: 4,
            range: 4,
            rule: { name: 'multi-krum', params: { f: 1 } },
          },
        }
      : {}),
    topology: random.pick([
      { name: 'complete', params: {}, mixing: 'uniform' },
      {
        name: 'custom',
        params: {},
        edges: [
          [0, 1],
          [1, 2],
          [2, 3],
        ],
        mixing: 'metropolis',
      },
    ]),
  })

export { makeChain, makeRun, run, signers } from '../../packages/node/test/support/run-fixture.js'
