import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeCanonical, sha256 } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { commitToData, describeData } from '../../../src/state/data-commitment.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const data = describeData('digits', 'ab'.repeat(32), Uint32Array.of(5, 7, 70_000))

describe('a commitment to data', () => {
  it('can be opened with the file that is kept, and stays the same over restarts', async () => {
    const path = join(await temporaryFolder(), 'c.json')
    const first = await commitToData(path, data)
    expect(await commitToData(path, data)).toEqual(first)
    const { salt, description } = JSON.parse(await readFile(path, 'utf8'))
    expect(description).toEqual(data)
    expect(sha256(Buffer.from(salt, 'hex'), encodeCanonical(description))).toEqual(first)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('differs for the same data elsewhere, and for any other data here', async () => {
    const [one, two] = await Promise.all([temporaryFolder(), temporaryFolder()])
    const first = await commitToData(join(one, 'c.json'), data)
    expect(await commitToData(join(two, 'c.json'), data)).not.toEqual(first)
    const others = [
      describeData('digits', 'ab'.repeat(32), Uint32Array.of(5, 70_000, 7)),
      describeData('digits', 'ac'.repeat(32), Uint32Array.of(5, 7, 70_000)),
      describeData('digit', 'ab'.repeat(32), Uint32Array.of(5, 7, 70_000)),
    ]
    for (const other of others) {
      expect(other).not.toEqual(data)
      expect(await commitToData(join(one, 'c.json'), other)).not.toEqual(first)
    }
  })

  it('says what to do about a file that is damaged or cannot be read', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'c.json')
    for (const text of ['', '{', '{"salt":"00","description":{}}']) {
      await writeFile(path, text)
      await expect(commitToData(path, data)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    }
    await expect(commitToData(folder, data)).rejects.toMatchObject({ code: 'E_IO' })
    await chmod(path, 0o600)
  })
})
