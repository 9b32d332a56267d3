import type { SignedEntry } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createLedgerCopies, type LedgerCopy } from '../../../src/chain/ledger-copies.js'
import { systemClock } from '../../../src/clock.js'
import { announce, makeEntry, run, signers } from '../../support/run-fixture.js'

const [author, self, other, third] = signers.map(({ peerId }) => peerId) as [string, string, string, string]
const { signal } = new AbortController()

/** A ledger of the author; `forkAt`: the height of the first entry that says something else. */
function ledger(length: number, forkAt?: number): SignedEntry[] {
  const entries: SignedEntry[] = []
  for (let height = 0; height < length; height++)
    entries.push(
      makeEntry(height, entries.at(-1)?.cid ?? run.id, {
        neighbours: [1, 2, 3].map((k) => ({
          ...{ peer: signers[k]!.peerId, announcement: announce(signers[k]!, height).bytes },
          ...{ accepted: true, weight: 0.25, score: 0.25, threshold: null },
          ...{ reason: 'within' as const, arrival: k - 1, latenessMs: 3 },
        })),
        ownWeight: 0.25,
        ...(height === forkAt ? { metrics: { trainingLoss: 0.6, testLoss: null, testMetric: null } } : {}),
      }),
    )
  return entries
}

/** This node's copy of the author's ledger, when each member gives these entries of it. */
function copy(given: Readonly<Record<string, readonly SignedEntry[]>>, asked: string[] = []): LedgerCopy {
  return createLedgerCopies({
    ...{ run, self, clock: systemClock },
    network: {
      async fetchEntries(peer, from, _signal, about) {
        expect(about).toBe(peer === author ? undefined : author)
        asked.push(peer)
        return (given[peer] ?? []).slice(from).map(({ bytes }) => bytes)
      },
    },
  }).of(author)
}

const cids = (entries: readonly SignedEntry[] | undefined): string[] | undefined =>
  entries?.map(({ cid }) => cid.toString())

describe('the ledger of another member', () => {
  const right = ledger(4)

  it('comes from its author, or from anybody who has it', async () => {
    const wanted = right[2]!.cid
    const asked: string[] = []
    expect(cids(await copy({ [author]: right }, asked).upTo(wanted, signal))).toEqual(cids(right.slice(0, 3)))
    expect(new Set(asked)).toEqual(new Set([author]))
    const found = await copy({ [third]: right }).upTo(wanted, signal)
    expect(cids(found)).toEqual(cids(right.slice(0, 3)))
    expect(await copy({ [third]: right.slice(0, 2) }).upTo(wanted, signal)).toBeUndefined()
  })

  it.each<[string, readonly SignedEntry[]]>([
    ['another entry', ledger(2, 1)],
    ['another beginning', ledger(3, 0)],
    ['more of another branch than the others have', ledger(9, 1)],
  ])('is found although its author has given this node %s', async (_, fork) => {
    const one = copy({ [author]: fork, [other]: right })
    await one.update(signal)
    for (const [k, entry] of right.entries())
      expect(cids(await one.upTo(entry.cid, signal))).toEqual(cids(right.slice(0, k + 1)))
    // What came first stays what the node has checked blocks with.
    expect(cids(one.entries.map(({ entry }) => entry))).toEqual(cids(fork))
    expect(cids(await one.upTo(fork.at(-1)!.cid, signal))).toEqual(cids(fork))
  })

  it('in many branches does not fill the memory', async () => {
    const forks = [1, 2, 3].map((k) => ledger(4 + k, k))
    const given: Record<string, readonly SignedEntry[]> = { [author]: right }
    const one = copy(given)
    await one.update(signal)
    for (const fork of forks) {
      given[other] = fork
      expect(cids(await one.upTo(fork.at(-1)!.cid, signal))).toEqual(cids(fork))
    }
    given[other] = []
    expect(await one.upTo(forks[0]!.at(-1)!.cid, signal)).toBeUndefined()
    expect(await one.upTo(forks[2]!.at(-1)!.cid, signal)).toBeDefined()
  })
})
