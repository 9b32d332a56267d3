import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../lab/test/support/temporary-folder.js'
import { allOrNothing } from '../../src/all-or-nothing.js'

const MODULE = new URL('../../src/all-or-nothing.ts', import.meta.url).href

describe('a command that makes files', () => {
  it('leaves them when it succeeds', () =>
    inTemporaryFolder(async (folder) => {
      const before = process.listenerCount('SIGINT')
      await allOrNothing(async (made) => {
        made(join(folder, 'a'))
        await writeFile(join(folder, 'a'), '')
      })
      expect(await readdir(folder)).toEqual(['a'])
      expect(process.listenerCount('SIGINT')).toBe(before)
    }))

  it('removes them when it fails, and nothing else', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'other'), '')
      const work = allOrNothing(async (made) => {
        await mkdir(join(folder, 'new'))
        made(join(folder, 'new'))
        await writeFile(join(folder, 'new', 'a'), '')
        made(join(folder, 'new', 'a'))
        made(undefined)
        throw new Error('no')
      })
      await expect(work).rejects.toThrow('no')
      expect(await readdir(folder)).toEqual(['other'])
    }))

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('removes them at %s, and exits with its code', (signal, code) =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'half')
      const script = `
        import { writeFileSync } from 'node:fs'
        const { allOrNothing } = await import(${JSON.stringify(MODULE)})
        await allOrNothing(async (made) => {
          made(${JSON.stringify(path)})
          writeFileSync(${JSON.stringify(path)}, 'half')
          process.stdout.write('written')
          await new Promise((resolve) => setTimeout(resolve, 600_000))
        })`
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
      child.stdout.once('data', () => child.kill(signal))
      expect(await ended).toBe(code)
      expect(existsSync(path)).toBe(false)
    }),
  )
})
