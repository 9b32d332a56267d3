import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logger.js'
import { type AddressStore, createAddressFile, openAddressBook } from '../../../src/state/address-file.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const at = (port: number): string => `/ip4/127.0.0.1/tcp/${port}`
const anybody = (): boolean => true

/** A logger that notes its warnings. */
function noting() {
  const warnings: string[] = []
  return {
    warnings,
    logger: { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) } as never,
  }
}

describe('addresses of members on disk', () => {
  it('are there again after a restart', async () => {
    const path = join(await temporaryFolder(), 'addresses.json')
    const { logger, warnings } = noting()
    const first = await openAddressBook(createAddressFile(path), anybody, logger)
    first.book.add('a', [at(1)], 'reached')
    first.book.add('a', [at(2)], 'own')
    first.book.add('b', [at(3)], { toldBy: 'a' })
    await first.saved()
    const second = await openAddressBook(createAddressFile(path), anybody, logger)
    expect(second.book.groups('a')).toEqual([[at(1)], [at(2)]])
    expect(second.book.get('b')).toEqual([])
    expect(warnings).toEqual([])
  })

  it('that are cut or changed at any place cost addresses, not the node', async () => {
    const path = join(await temporaryFolder(), 'addresses.json')
    const first = await openAddressBook(createAddressFile(path), anybody, silentLogger)
    first.book.add('a', [at(1)], 'reached')
    await first.saved()
    const whole = await readFile(path)
    for (let k = 0; k < whole.length; k++) {
      const flipped = whole.map((byte, i) => (i === k ? byte ^ 0x15 : byte))
      for (const [bytes, isCut] of [
        [whole.subarray(0, k), true],
        [flipped, false],
      ] as const) {
        await writeFile(path, bytes)
        const { logger, warnings } = noting()
        const { book, saved } = await openAddressBook(createAddressFile(path), anybody, logger)
        // All but the line break at its end.
        if (isCut && k < whole.length - 1) {
          expect(warnings, `${k}`).toHaveLength(1)
          expect(book.lasting()).toEqual([])
        }
        // What is left of it can be dialled, and who answers there must prove its key.
        for (const address of book.get('a')) expect(address).toMatch(/^\/.*\/tcp\//)
        book.add('a', [at(7)], 'reached')
        await saved()
        const again = await openAddressBook(createAddressFile(path), anybody, logger)
        expect(again.book.get('a')[0]).toBe(at(7))
      }
    }
  })

  it('are written one after the other, and a disk that fails is logged', async () => {
    const saves: number[] = []
    let running = 0
    const store: AddressStore = {
      load: async () => [],
      async save(addresses) {
        expect(running).toBe(0)
        running += 1
        await new Promise((done) => setImmediate(done))
        running -= 1
        saves.push(addresses[0]!.reached.length)
        if (saves.length === 1) throw new Error('no space left')
      },
    }
    const { logger, warnings } = noting()
    const { book, saved } = await openAddressBook(store, anybody, logger)
    for (const port of [1, 2, 3]) book.add('a', [at(port)], 'reached')
    await saved()
    // What changes while one is written is written by the next one.
    expect(saves).toEqual([1, 3])
    expect(warnings).toEqual(['addresses of members could not be written: no space left'])
  })
})
