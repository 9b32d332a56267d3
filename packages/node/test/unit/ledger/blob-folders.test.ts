import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid } from '@tempered/protocol'
import { expect, it } from 'vitest'
import { openBlobFolders } from '../../../src/ledger/blob-folders.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const blob = Uint8Array.of(1, 2, 3)
const cid = blobCid(blob).toString()

async function stores(...contents: Uint8Array[]): Promise<string[]> {
  const base = await temporaryFolder()
  const folders = contents.map((_, k) => join(base, `store-${k}`))
  for (const [k, content] of contents.entries()) {
    await mkdir(folders[k])
    await writeFile(join(folders[k], cid), content)
  }
  return folders
}

it('finds a blob in any of the folders and says when none has it', async () => {
  const lookup = await openBlobFolders(['nowhere', ...(await stores(blob))])
  expect(await lookup(cid)).toEqual(blob)
  expect(await lookup(blobCid(Uint8Array.of(9)).toString())).toBeUndefined()
})

it('passes over a copy that does not match its name', async () => {
  const folders = await stores(Uint8Array.of(6, 6, 6), blob)
  expect(await (await openBlobFolders(folders))(cid)).toEqual(blob)
})

it('throws when no copy matches, or counts the blob as missing if mismatches are reported', async () => {
  const folders = await stores(Uint8Array.of(6, 6, 6))
  await expect((await openBlobFolders(folders))(cid)).rejects.toMatchObject({ code: 'E_HASH_MISMATCH' })
  const bad: string[] = []
  expect(await (await openBlobFolders(folders, (path) => bad.push(path)))(cid)).toBeUndefined()
  expect(bad).toEqual([join(folders[0], cid)])
})
