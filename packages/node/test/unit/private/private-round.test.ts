import { cidFromDigest, type GroupWordKind, RAW, type SignedGroupWord } from '@tempered/protocol'
import type { Dealing } from '@tempered/secagg'
import { describe, expect, it } from 'vitest'
import { kernels } from '../../../../secagg/test/support/group.js'
import { type Deviation, play } from '../../../../secagg/test/support/play.js'
import { privateRun, signerOf } from '../../../../secagg/test/support/private-run.js'
import type { Clock } from '../../../src/clock.js'
import { noFailpoints } from '../../../src/failpoints.js'
import { silentLogger } from '../../../src/logger.js'
import { createOfferedBlobs } from '../../../src/private/offered-blobs.js'
import { type PrivateEnd, PrivateRound } from '../../../src/private/private-round.js'

const N = 8
const RUN = privateRun({ members: N, privacy: { rule: { name: 'balance', params: { gamma: 1000 } } } })
const ALL = new Set(Array.from({ length: N }, (_, k) => k))
const STEP_MS = 1_000

/** A round in which everybody has said everything, with what was dealt. */
function whole() {
  const dealings = new Map<number, Dealing>()
  const capture = (member: number): Deviation => ({
    deal(dealing) {
      dealings.set(member, dealing)
      return dealing
    },
  })
  const played = play(RUN, new Map([...ALL].map((member) => [member, capture(member)])))
  const wordOf = (kind: GroupWordKind, member: number): SignedGroupWord =>
    played.sessions.flatMap(({ words }) => words.of(kind).get(member) ?? [])[0]
  return { group: played.group, dealings, wordOf }
}
const { group, dealings, wordOf } = whole()

/** Time that passes when a test says so. */
function handClock() {
  let now = 0
  const timers = new Set<{ readonly at: number; readonly run: () => void }>()
  const clock: Clock = {
    wallMs: () => now,
    monotonicMs: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    deadline: (_ms, parent) => ({
      signal: parent ?? new AbortController().signal,
      clear: () => undefined,
    }),
  }
  return {
    clock,
    async pass(ms: number): Promise<void> {
      const until = now + ms
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
        if (next === undefined) break
        timers.delete(next)
        now = next.at
        next.run()
        await settled()
      }
      now = until
    },
  }
}

/** Lets everything happen that needs no time. */
async function settled(): Promise<void> {
  for (let k = 0; k < 20; k++) await new Promise((resolve) => setImmediate(resolve))
}

function openRound() {
  const blobs = new Map<string, Uint8Array>()
  for (const { parcels, vectorHashes, maskHashes } of dealings.values())
    for (const [holder, { vector, masks }] of parcels.entries()) {
      blobs.set(cidFromDigest(RAW, vectorHashes[holder]).toString(), vector)
      blobs.set(cidFromDigest(RAW, maskHashes[holder]).toString(), masks)
    }
  const { clock, pass } = handClock()
  const errors: unknown[] = []
  const round = new PrivateRound(
    {
      signer: signerOf(0),
      network: {
        publishGroupWord: async () => undefined,
        fetchGroupWords: async () => undefined,
        async fetchModel(_peer, cid, into) {
          const bytes = blobs.get(cid)
          if (bytes === undefined) throw new Error('nobody has it')
          into.set(bytes)
        },
      },
      ...{ parcels: createOfferedBlobs(), offered: createOfferedBlobs(), clock, logger: silentLogger },
      deviation: undefined,
      failpoints: noFailpoints,
    },
    {
      ...{ group, self: 0, speaks: true, refused: [], awaited: ALL, kernels, stepMs: STEP_MS },
      onContradiction: () => undefined,
      onError: (error) => errors.push(error),
    },
  )
  let end: PrivateEnd | undefined
  void round.ended.then((ended) => {
    end = ended
  })
  const give = (kind: GroupWordKind, ...but: number[]): void => {
    for (const member of ALL) if (member !== 0 && !but.includes(member)) round.word(wordOf(kind, member))
  }
  return { round, give, pass, errors, endOf: () => end }
}

describe('the deadline of a step', () => {
  it('passes for the last to answer, when somebody says no distances', async () => {
    const { round, give, pass, errors, endOf } = openRound()
    round.start()
    give('deal')
    give('answers')
    await settled()
    round.deal(dealings.get(0)!)
    await settled()
    give('distances', 7)
    await settled()
    expect(round.session.phase).toBe('measuring')
    await pass(STEP_MS)
    expect(round.session.phase).toBe('voting')
    await pass(STEP_MS)
    expect([endOf()?.type, errors]).toEqual(['failed', []])
  })

  it('passes for whoever has the last of the votes, when somebody says no opening', async () => {
    const { round, give, pass, errors, endOf } = openRound()
    round.start()
    give('deal')
    await settled()
    round.deal(dealings.get(0)!)
    await settled()
    give('answers')
    await settled()
    // All votes but the one that decides, which is its own.
    for (const member of [1, 2, 3, 4, 5]) round.word(wordOf('vote', member))
    give('distances')
    await settled()
    give('vote')
    give('opening', 7)
    await settled()
    expect(round.session.phase).toBe('opening')
    await pass(STEP_MS)
    // Nobody has the shares that it asks for then.
    expect(round.session.phase).toBe('fetching')
    await pass(100 * STEP_MS)
    expect([endOf()?.type, errors]).toEqual(['failed', []])
  })
})
