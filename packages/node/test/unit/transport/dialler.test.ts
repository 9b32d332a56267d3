import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logger.js'
import { createAddressBook } from '../../../src/transport/address-book.js'
import { createDialler } from '../../../src/transport/dialler.js'
import { createManualClock, settle } from '../../support/manual-clock.js'
import { signers } from '../../support/run-fixture.js'

const [{ peerId: peer }, { peerId: other }, { peerId: relay }] = signers
const at = (port: number): string => `/ip4/127.0.0.1/tcp/${port}`

/** Where nobody listens a dial fails at once, and a tar pit says nothing until it is given up. */
function setup(open: readonly number[], pits: readonly number[] = []) {
  const clock = createManualClock()
  const book = createAddressBook(() => true)
  const dialled: string[] = []
  const relays: string[] = []
  const stopping = new AbortController()
  const dialler = createDialler({
    ...{ clock, logger: silentLogger, addressBook: book, dialMs: 10_000, stopping: stopping.signal },
    knownRelays: { use: (addresses) => relays.push(...addresses.filter((one) => one.includes('circuit'))) },
    libp2p: {
      dial: (async ([address]: string[], { signal }: { signal: AbortSignal }) => {
        const text = String(address)
        dialled.push(`${clock.monotonicMs()} ${text}`)
        const port = Number(/tcp\/(\d+)/.exec(text)![1])
        if (open.includes(port)) return text
        if (pits.includes(port))
          await new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)))
        throw new Error(`refused ${port}`)
      }) as never,
    },
  })
  /** Lets time pass until it is over. */
  const outcome = async (work: Promise<unknown>): Promise<unknown> => {
    let result: unknown
    const done = work.then(String, (error: Error) => error.message).then((text) => (result = text))
    for (let k = 0; k < 200 && result === undefined; k++) {
      await settle()
      clock.advance(500)
    }
    await done
    return result
  }
  return { book, dialler, dialled, relays, stopping, outcome }
}

describe('a peer is dialled', () => {
  it('where it was reached before, then where it says that it is, then where others say', async () => {
    const { book, dialler, dialled, relays, outcome } = setup([4])
    const through = `${at(5)}/p2p/${relay}/p2p-circuit`
    book.add(peer, [at(4)], { toldBy: 'liar' })
    book.add(peer, [through, at(3)], 'own')
    book.add(peer, [at(2)], 'reached')
    expect(await outcome(dialler.dialPeer(peer))).toBe(`${at(4)}/p2p/${peer}`)
    expect(dialled.map((text) => text.split(' ')[1])).toEqual(
      [at(2), at(3), through, at(4)].map((address) => `${address}/p2p/${peer}`),
    )
    expect(relays).toEqual([`${through}/p2p/${peer}`])
  })

  it('at each address for a short time, so that tar pits that somebody made up hold up nothing for long', async () => {
    const { book, dialler, dialled, outcome } = setup([9], [2, 3, 4, 5])
    book.add(peer, [2, 3, 4, 5].map(at), { toldBy: 'liar' })
    book.add(peer, [at(9)], { toldBy: 'honest' })
    expect(await outcome(dialler.dialPeer(peer))).toContain('/tcp/9/')
    // The honest word comes second.
    expect(dialled).toHaveLength(2)
  })

  it('in the end at one of them for as long as a dial may take, another one each time', async () => {
    const { book, dialler, dialled, outcome } = setup([], [2, 3])
    book.add(peer, [at(2), at(3)], 'own')
    for (const patient of [2, 3, 2]) {
      dialled.length = 0
      await outcome(dialler.dialPeer(peer))
      const [first, second, last] = dialled.map((text) => Number(text.split(' ')[0]))
      expect([second! - first!, last! - second!]).toEqual([2_000, 2_000])
      expect(dialled.map((text) => /tcp.(\d)/.exec(text)![1])).toEqual(['2', '3', String(patient)])
    }
  })

  it('with all the time when there is one address only', async () => {
    const { book, dialler, dialled, outcome } = setup([], [2])
    book.add(peer, [at(2)], 'own')
    expect(await outcome(dialler.dialPeer(peer))).toBe('over 10000 ms')
    expect(dialled).toHaveLength(1)
  })

  it('at addresses that become known meanwhile, of which somebody could make up any number', async () => {
    const { book, dialler, dialled, outcome } = setup([], [])
    let made = 100
    const lie = (): void => book.add(peer, [at(made++)], { toldBy: 'liar' })
    lie()
    const groups = book.groups
    book.groups = (of) => {
      lie()
      return groups(of)
    }
    await outcome(dialler.dialPeer(peer))
    expect(dialled).toHaveLength(32)
  })

  it('never where an address names somebody else', async () => {
    const { book, dialler, dialled, outcome } = setup([2, 3])
    book.add(peer, [`${at(2)}/p2p/${other}`], 'own')
    expect(await outcome(dialler.dialPeer(peer))).toContain(`no address of ${peer} is known`)
    expect(dialler.directDial(peer)).toBeUndefined()
    book.add(peer, [`${at(3)}/p2p/${peer}`], { toldBy: other })
    expect(await outcome(dialler.dialPeer(peer))).toBe(`${at(3)}/p2p/${peer}`)
    expect(dialled).toHaveLength(1)
  })

  it('no more once the node stops', async () => {
    const { book, dialler, dialled, stopping, outcome } = setup([], [2, 3])
    book.add(peer, [at(2), at(3)], 'own')
    const done = outcome(dialler.dialPeer(peer))
    await settle()
    stopping.abort(new Error('the node stops'))
    expect(await done).toBe('the node stops')
    expect(dialled).toHaveLength(1)
  })
})
