import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LEAST_OPEN_FILES, openFilesError, openFilesLimit } from '../../src/open-files.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

const limited = (count: number) =>
  new Promise<{ code: number; stderr: string }>((resolve) =>
    execFile(
      '/bin/sh',
      [
        '-c',
        `ulimit -n ${count}; exec "$0" "$@"`,
        process.execPath,
        MAIN,
        'node',
        'start',
        '--config',
        'nowhere',
      ],
      (error, _, stderr) => resolve({ code: Number(error?.code ?? 0), stderr }),
    ),
  )

describe('a limit of open files', () => {
  it.runIf(process.platform === 'linux')(
    'that is too low is named, instead of a module that is not there',
    async () => {
      for (const count of [24, 64, LEAST_OPEN_FILES - 1]) {
        const { code, stderr } = await limited(count)
        expect(code).toBe(7)
        expect(stderr).toContain(`E_OPEN_FILES: this process may open ${count} files`)
      }
      expect((await limited(LEAST_OPEN_FILES)).stderr).toContain('E_FILE')
    },
  )

  it('is read from the system, and unknown where that does not tell', () => {
    expect(openFilesLimit('/nowhere')).toBeUndefined()
    expect(openFilesError(undefined)).toBeUndefined()
    expect(openFilesError(LEAST_OPEN_FILES)).toBeUndefined()
    expect(openFilesError(Number.POSITIVE_INFINITY)).toBeUndefined()
  })
})
