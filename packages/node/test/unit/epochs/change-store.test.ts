import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeCanonical, LIMITS } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { byteStep } from '../../../../../test-support/tier.js'
import { CHANGES_FILE, createChangeFile } from '../../../src/epochs/change-store.js'
import { otherRun, run } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const changes = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(300).fill(7)]

async function fileOf(bytes?: Uint8Array) {
  const path = join(await temporaryFolder(), CHANGES_FILE)
  if (bytes !== undefined) await writeFile(path, bytes)
  return { path, store: createChangeFile(path) }
}

describe('the file of changes', () => {
  it('gives what was saved last, and nothing before', async () => {
    const { path, store } = await fileOf()
    expect(await store.load(run)).toEqual([])
    expect(existsSync(path)).toBe(false)
    await store.save(run, changes.slice(0, 1))
    await store.save(run, changes)
    expect((await store.load(run)).map((bytes) => [...bytes])).toEqual(changes.map((bytes) => [...bytes]))
  })

  it('is of one run', async () => {
    const { store } = await fileOf()
    await store.save(run, changes)
    await expect(store.load(otherRun)).rejects.toMatchObject({ code: 'E_WRONG_RUN' })
  })

  it('is refused when it is cut off anywhere', async () => {
    const { path, store } = await fileOf()
    await store.save(run, changes)
    const whole = await readFile(path)
    for (let length = 0; length < whole.byteLength; length += Math.min(byteStep, 23)) {
      await writeFile(path, whole.subarray(0, length))
      await expect(store.load(run), `${length} bytes`).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    }
  })

  it.each([
    ['another kind', { kind: 'tempered/finals' }],
    ['another version', { version: 2 }],
    ['changes that are no bytes', { changes: ['text'] }],
    ['more fields', { more: 1 }],
    [
      'more changes than there can be',
      {
        changes: Array.from(
          { length: LIMITS.maxChanges + LIMITS.maxPendingChanges + 1 },
          () => new Uint8Array(1),
        ),
      },
    ],
  ])('is refused with %s', async (_what, fields) => {
    const { store } = await fileOf(
      encodeCanonical({ kind: 'tempered/changes', version: 1, run: run.id.toString(), changes, ...fields }),
    )
    await expect(store.load(run)).rejects.toMatchObject({
      code: 'E_STATE_CORRUPT',
      message: expect.stringContaining('the other members know the changes'),
    })
  })

  it('that cannot be read or written is E_IO', async () => {
    const store = createChangeFile(await temporaryFolder())
    await expect(store.load(run)).rejects.toMatchObject({ code: 'E_IO' })
    const nowhere = createChangeFile(join(await temporaryFolder(), 'none', CHANGES_FILE))
    await expect(nowhere.save(run, changes)).rejects.toThrow()
  })
})
