import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  createInvitationFile,
  createMemoryInvitations,
  INVITATIONS_FILE,
  type UsedInvitations,
} from '../../../src/epochs/used-invitations.js'
import { signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const [one, two] = signers.map(({ peerId }) => peerId)
const nonce = (digit: string): string => digit.repeat(32)
const fileIn = async () => join(await temporaryFolder(), INVITATIONS_FILE)

describe.each<[string, () => Promise<UsedInvitations>]>([
  ['on disk', async () => createInvitationFile(await fileIn())],
  ['in memory', async () => createMemoryInvitations()],
])('an invitation, remembered %s', (_where, open) => {
  it('is used by one peer, as often as that likes', async () => {
    const used = await open()
    await used.use(nonce('a'), one)
    await used.use(nonce('a'), one)
    await expect(used.use(nonce('a'), two)).rejects.toMatchObject({ code: 'E_INVITATION' })
    await used.use(nonce('b'), two)
  })

  it('that two bring at the same time is that of one', async () => {
    const used = await open()
    const results = await Promise.allSettled([used.use(nonce('a'), one), used.use(nonce('a'), two)])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })
})

describe('the file of used invitations', () => {
  it('is known after a restart', async () => {
    const path = await fileIn()
    await createInvitationFile(path).use(nonce('a'), one)
    await createInvitationFile(path).use(nonce('b'), two)
    const again = createInvitationFile(path)
    await expect(again.use(nonce('a'), two)).rejects.toMatchObject({ code: 'E_INVITATION' })
    expect(JSON.parse(await readFile(path, 'utf8')).used).toEqual({ [nonce('a')]: one, [nonce('b')]: two })
  })

  it('that is damaged lets nobody in, and says what to do', async () => {
    const path = await fileIn()
    for (const text of [
      '',
      '{"version":1,"used":{',
      '{"version":2,"used":{}}',
      `{"version":1,"used":{"${nonce('x')}":"${one}"}}`,
      `{"version":1,"used":{"${nonce('a')}":"nobody"}}`,
    ]) {
      await writeFile(path, text)
      await expect(createInvitationFile(path).use(nonce('a'), one), text).rejects.toMatchObject({
        code: 'E_STATE_CORRUPT',
        message: expect.stringContaining('delete it'),
      })
    }
  })

  it('goes on after a failure', async () => {
    const path = await fileIn()
    const used = createInvitationFile(path)
    await writeFile(path, 'x')
    await expect(used.use(nonce('a'), one)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    await writeFile(path, '{"version":1,"used":{}}')
    await used.use(nonce('a'), one)
  })

  it('that cannot be read is E_IO', async () => {
    const used = createInvitationFile(await temporaryFolder())
    await expect(used.use(nonce('a'), one)).rejects.toMatchObject({ code: 'E_IO' })
  })
})
