import { appendFile, mkdir, open, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import {
  createEncodedWriter,
  type EncodedHead,
  readHead,
  readSection,
  removeAbandoned,
} from '../../../src/data/encoded-file.js'

const NUMBERS = Float32Array.from([1, 2.5, -3])

async function headOf(writer: Awaited<ReturnType<typeof createEncodedWriter>>): Promise<EncodedHead> {
  const section = await writer.append(NUMBERS)
  const labels = await writer.append(Uint8Array.of(1, 0, 1))
  const part = { name: 'x', classes: 2, classNames: undefined, shape: [1], sha256: '', inputs: section }
  return { train: { ...part, targets: labels }, test: { ...part, targets: labels }, notices: undefined }
}

/** A file that fails once so many bytes are written. */
function failing(code: string, after: number) {
  return async (path: string) => {
    const handle = await open(path, 'wx')
    let written = 0
    return {
      stat: () => handle.stat(),
      sync: () => handle.sync(),
      close: () => handle.close(),
      async write(bytes: Uint8Array) {
        written += bytes.length
        if (written > after) throw Object.assign(new Error(code), { code })
        return { bytesWritten: bytes.length, buffer: bytes }
      },
    } as never
  }
}

describe('a file of encoded samples', () => {
  it('has a temporary name until it is complete, and then what was written', () =>
    inTemporaryFolder(async (folder) => {
      const writer = await createEncodedWriter(folder)
      const name = join(folder, 'encoded-0a.bin')
      await writer.finish(await headOf(writer))
      expect(await readdir(folder)).toEqual([expect.stringMatching(/\.tmp$/)])
      expect(await writer.publish(name, false)).toBe(true)
      expect(await readdir(folder)).toEqual(['encoded-0a.bin'])
      expect((await stat(name)).mode & 0o077).toBe(0)
      const handle = await open(name)
      const { train } = await readHead(handle)
      expect(await readSection(handle, train.inputs)).toEqual(NUMBERS)
      await handle.close()
    }))

  it('does not take the name of another unless it is told to', () =>
    inTemporaryFolder(async (folder) => {
      const name = join(folder, 'encoded-0a.bin')
      await writeFile(name, 'in use')
      const writer = await createEncodedWriter(folder)
      await writer.finish(await headOf(writer))
      expect(await writer.publish(name, false)).toBe(false)
      expect(await readFile(name, 'utf8')).toBe('in use')
      expect(await writer.publish(name, true)).toBe(true)
      expect(await readdir(folder)).toEqual(['encoded-0a.bin'])
    }))

  it.each([
    ['ENOSPC', /the disk is full after 1\d bytes of encoded samples; free some space/],
    ['EDQUOT', /the disk quota of this user is used up/],
    ['EFBIG', /files may not be larger/],
    ['EIO', /cannot be written here \(EIO\)/],
  ])('is removed when writing fails with %s', (code, message) =>
    inTemporaryFolder(async (folder) => {
      const writer = await createEncodedWriter(folder, failing(code, 20))
      await expect(writer.append(NUMBERS)).rejects.toMatchObject({
        code: 'E_DATA_DISK',
        file: folder,
        message: expect.stringMatching(message),
        cause: { code },
      })
      expect(await readdir(folder)).toEqual([])
    }),
  )

  it('is no such file when it is cut, longer, or something else', () =>
    inTemporaryFolder(async (folder) => {
      const name = join(folder, 'encoded-0a.bin')
      const writer = await createEncodedWriter(folder)
      await writer.finish(await headOf(writer))
      await writer.publish(name, false)
      const whole = await readFile(name)
      for (const bytes of [whole.subarray(0, -1), whole.subarray(0, 30), Buffer.alloc(0), Buffer.alloc(99)]) {
        await writeFile(name, bytes)
        const handle = await open(name)
        await expect(readHead(handle)).rejects.toThrow()
        await handle.close()
      }
      await writeFile(name, whole)
      await appendFile(name, 'x')
      const handle = await open(name)
      await expect(readHead(handle)).rejects.toThrow('no file of encoded samples')
      await handle.close()
    }))

  it('is removed a day after its process was killed, and not before', () =>
    inTemporaryFolder(async (folder) => {
      const day = 24 * 60 * 60
      // Above every process id that Linux and macOS give.
      const dead = 'encoded-99999999-aa.tmp'
      const recent = 'encoded-99999998-aa.tmp'
      const own = `encoded-${process.pid}-aa.tmp`
      for (const name of [dead, recent, own, 'notes.tmp']) await writeFile(join(folder, name), '')
      for (const name of [dead, own, 'notes.tmp']) await utimes(join(folder, name), 1, 1)
      await utimes(join(folder, recent), day, day)
      await mkdir(join(folder, 'sub'))
      await removeAbandoned(folder, (day + 10) * 1000)
      expect((await readdir(folder)).sort()).toEqual([recent, own, 'notes.tmp', 'sub'].sort())
    }))
})
