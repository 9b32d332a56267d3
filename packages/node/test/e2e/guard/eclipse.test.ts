import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { silentLogger } from '../../../src/logger.js'
import { createAddressFile, openAddressBook } from '../../../src/state/address-file.js'
import { type AddressBook, createAddressBook } from '../../../src/transport/address-book.js'
import { createMember, peers } from '../../support/member-network.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const [VICTIM, HONEST, HELPER, LIAR] = [0, 1, 2, 3]

/** Hosts that accept connections and then say nothing, as their addresses. */
async function openTarPits(count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer((socket) => socket.on('error', () => undefined))
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      onTestFinished(() => void server.close())
      return `/ip4/127.0.0.1/tcp/${(server.address() as { port: number }).port}`
    }),
  )
}

/** What a member says when it is asked where the honest one is. */
function knowing(addresses: readonly string[]): AddressBook {
  const book = createAddressBook(() => true)
  book.add(peers[HONEST], addresses, 'reached')
  book.add(peers[HONEST], addresses, 'own')
  return book
}

/** The address of a member, once it listens. */
async function started(member: ReturnType<typeof createMember>): Promise<string> {
  await member.start()
  return member.network.addresses()[0]!
}

const isUp = (member: ReturnType<typeof createMember>, peer: number): boolean =>
  member.network.connections!().some((one) => one.peer === peers[peer] && one.isAdmitted)

describe('a node that hostile members surround', () => {
  it('finds those that it knew again after a restart, when all that it is told leads elsewhere', async () => {
    const path = join(await temporaryFolder(), 'addresses.json')
    const open = () => openAddressBook(createAddressFile(path), () => true, silentLogger)
    const honest = createMember(HONEST, [])
    const before = await open()
    const first = createMember(VICTIM, [HONEST], {
      bootstrap: [await started(honest)],
      addressBook: before.book,
    })
    await first.start()
    await first.count(1)
    expect(first.changes).toEqual(['up'])
    await first.network.stop()
    await before.saved()

    const liar = createMember(LIAR, [], { addressBook: knowing(await openTarPits(4)) })
    const after = await open()
    const again = createMember(VICTIM, [HONEST], {
      bootstrap: [await started(liar)],
      addressBook: after.book,
    })
    await again.start()
    await again.count(1)
    expect(again.changes).toEqual(['up'])
    expect(isUp(again, HONEST)).toBe(true)
  })

  it('reaches a neighbour of which one other tells the truth, though it is told tar pits too', async () => {
    const honest = createMember(HONEST, [])
    const address = await started(honest)
    const liar = createMember(LIAR, [], { addressBook: knowing(await openTarPits(8)) })
    const helper = createMember(HELPER, [], { addressBook: knowing([address]) })
    const victim = createMember(VICTIM, [HONEST], {
      bootstrap: [await started(liar), await started(helper)],
    })
    await victim.start()
    await victim.count(1)
    expect(victim.changes).toEqual(['up'])
    expect(isUp(victim, HONEST)).toBe(true)
  })
})
