import { createSigner } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { runTopology } from '../../src/topology.js'
import { makeRun, signers, stranger } from '../support/run-fixture.js'

const ids = signers.slice(0, 4).map((signer) => signer.peerId)
/** A star around member 2, with an edge between 0 and 1. */
const custom = (mixing: string) =>
  makeRun({
    topology: {
      name: 'custom',
      params: {},
      edges: [
        [2, 3],
        [1, 0],
        [2, 0],
        [1, 2],
      ],
      mixing,
    },
  })

describe('the topology of a run', () => {
  it('names neighbours by peer id in member order, for any order of the edges', () => {
    const topology = runTopology(custom('uniform'))
    expect(topology.neighboursOf(ids[2])).toEqual([ids[0], ids[1], ids[3]])
    expect(topology.neighboursOf(ids[0])).toEqual([ids[1], ids[2]])
    expect(topology.neighboursOf(ids[3])).toEqual([ids[2]])
  })

  it('has no mixing weights where equal ones are asked for', () => {
    expect(runTopology(custom('uniform')).mixingOf(ids[0])).toBeUndefined()
  })

  it('gives Metropolis weights, the same in both directions', () => {
    const topology = runTopology(custom('metropolis'))
    // 1 / (1 + the larger degree); degrees are 2, 2, 3, 1.
    expect([...topology.mixingOf(ids[0])!]).toEqual([
      [ids[1], expect.closeTo(1 / 3, 12)],
      [ids[2], expect.closeTo(1 / 4, 12)],
    ])
    for (const peer of ids) {
      for (const neighbour of topology.neighboursOf(peer)) {
        expect(topology.mixingOf(peer)!.get(neighbour)).toBe(topology.mixingOf(neighbour)!.get(peer))
      }
    }
  })

  it('is the same for every member', () => {
    const [a, b] = [0, 1].map(() => runTopology(custom('metropolis')))
    for (const peer of ids) expect(a.neighboursOf(peer)).toEqual(b.neighboursOf(peer))
  })

  it('knows the distance to the member farthest away, for more members than are searched together', () => {
    const members = Array.from({ length: 70 }, (_, k) => createSigner(new Uint8Array(32).fill(k + 1)))
    const peers = members.map(({ peerId }) => peerId)
    const ring = runTopology(makeRun({ members, topology: { name: 'ring', params: {}, mixing: 'uniform' } }))
    for (const peer of peers) expect(ring.eccentricityOf(peer)).toBe(35)
    // A path of the members 0 … 68; member 69 cannot be reached and reaches nobody.
    const edges = Array.from({ length: 68 }, (_, k) => [k, k + 1])
    const path = runTopology(
      makeRun({ members, topology: { name: 'custom', params: {}, edges, mixing: 'uniform' } }),
    )
    expect(peers.map(path.eccentricityOf)).toEqual(peers.map((_, k) => (k === 69 ? 0 : Math.max(k, 68 - k))))
  })

  it('refuses a peer that is not a member', () => {
    expect(() => runTopology(custom('uniform')).neighboursOf(stranger.peerId)).toThrow(RangeError)
  })
})
