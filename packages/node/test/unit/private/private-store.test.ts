import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NO_MEMORY, openPrivateStore } from '../../../src/private/private-store.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const MEMORY = { spoken: 7, refused: ['12D3KooWx'], outcome: { round: 7, transcript: 'a', sum: null } }

describe('what a node remembers of its private rounds', () => {
  it('is nothing at first, and what was saved after a restart', async () => {
    const path = join(await temporaryFolder(), 'private.json')
    const store = await openPrivateStore(path)
    expect(store.memory).toEqual(NO_MEMORY)
    await store.save(MEMORY)
    expect(store.memory).toEqual(MEMORY)
    expect((await openPrivateStore(path)).memory).toEqual(MEMORY)
  })

  it.each([
    ['half a file', '{"spoken": 3, "ref'],
    ['another type', '{"spoken": "3", "refused": [], "outcome": null}'],
    ['an unknown field', '{"spoken": 3, "refused": [], "outcome": null, "more": 1}'],
    ['nothing', ''],
  ])('is not guessed from %s', async (_, text) => {
    const path = join(await temporaryFolder(), 'private.json')
    await writeFile(path, text)
    await expect(openPrivateStore(path)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    expect(await readFile(path, 'utf8')).toBe(text)
  })
})
