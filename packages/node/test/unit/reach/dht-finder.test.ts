import { describe, expect, it } from 'vitest'
import { NodeError } from '../../../src/errors.js'
import { silentLogger } from '../../../src/logger.js'
import type { openDhtClient } from '../../../src/reach/dht-client.js'
import { dhtKeyOf, findByDht } from '../../../src/reach/dht-finder.js'
import { createManualClock, settle } from '../../support/manual-clock.js'

const MINUTE_MS = 60_000

function setup() {
  const clock = createManualClock()
  const state = {
    addresses: ['/ip4/192.0.2.1/tcp/1'],
    missing: [] as string[],
    isDown: false,
    open: 0,
    done: [] as string[],
    found: [] as [string, readonly string[]][],
    warnings: [] as string[],
  }
  const names = new Map(['me', 'a', 'b'].map((peer) => [dhtKeyOf('run', peer).toString(), peer]))
  const openClient: typeof openDhtClient = async () => {
    if (state.isDown) throw new NodeError('E_NO_CONNECTION', 'none of its nodes is reached')
    state.open += 1
    const note = (what: string, key: string) =>
      state.done.push(`${clock.monotonicMs() / MINUTE_MS} ${what} ${names.get(key)}`)
    return {
      put: async (key) => void note('put', key.toString()),
      async get(key) {
        note('get', key.toString())
        return names.get(key.toString()) === 'a' ? [['/ip4/192.0.2.7/tcp/7'], ['/ip4/192.0.2.8/tcp/8']] : []
      },
      async close() {
        state.open -= 1
      },
    }
  }
  const stop = new AbortController()
  const init = {
    dht: { bootstrap: ['/ip4/192.0.2.9/tcp/9'], protocol: '/kad' },
    ...{ run: 'run', self: 'me', clock },
    logger: { ...silentLogger, warn: (_: object, text: string) => state.warnings.push(text) } as never,
    addresses: () => state.addresses,
    missing: () => state.missing,
    found: (peer: string, addresses: readonly string[]) => void state.found.push([peer, addresses]),
  }
  const over = findByDht(init, stop.signal, openClient)
  /** Lets so many minutes pass. */
  const pass = async (minutes: number): Promise<string[]> => {
    state.done = []
    for (let k = 0; k < 6 * minutes; k++) {
      await settle()
      clock.advance(10_000)
    }
    await settle()
    return state.done
  }
  return { state, stop, over, pass }
}

describe('a node that uses a DHT', () => {
  it('puts its addresses at once, every 20 minutes, and when they change', async () => {
    const { state, stop, over, pass } = setup()
    expect(await pass(39)).toEqual(['0 put me', '20 put me'])
    state.addresses = ['/ip4/192.0.2.2/tcp/2']
    expect(await pass(10)).toHaveLength(1)
    state.addresses = []
    expect(await pass(60)).toEqual([])
    stop.abort()
    await over
    expect(state.open).toBe(0)
  })

  it('looks for those it does not reach, less and less often, and for nobody once it reaches all', async () => {
    const { state, stop, over, pass } = setup()
    state.missing = ['a', 'b']
    const sought = (await pass(120)).filter((text) => text.endsWith('get b'))
    expect(state.found.slice(0, 2)).toEqual([
      ['a', ['/ip4/192.0.2.7/tcp/7']],
      ['a', ['/ip4/192.0.2.8/tcp/8']],
    ])
    const times = sought.map((text) => Number(text.split(' ')[0]))
    const pauses = times.slice(1).map((time, k) => time - times[k]!)
    expect(pauses[0]).toBeLessThan(1)
    expect(pauses.every((pause, k) => k === 0 || pause >= pauses[k - 1]! - 0.01)).toBe(true)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10.5)
    state.missing = []
    expect((await pass(30)).filter((text) => text.includes('get'))).toEqual([])
    stop.abort()
    await over
  })

  it('goes on where the DHT does not answer, and says so once', async () => {
    const { state, stop, over, pass } = setup()
    state.isDown = true
    await pass(30)
    expect(state.warnings).toEqual(['the DHT is of no use at the moment: none of its nodes is reached'])
    state.isDown = false
    expect((await pass(20)).length).toBeGreaterThan(0)
    state.isDown = true
    await pass(40)
    expect(state.warnings).toHaveLength(2)
    stop.abort()
    await over
  })
})
