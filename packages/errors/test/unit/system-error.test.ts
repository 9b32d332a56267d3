import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../test-support/thrown-by.js'
import { errorCode, errorMessage } from '../../src/index.js'

/** An error as Node's `fs` throws it. */
const systemError = (code: string, errno: number, syscall = 'write') =>
  Object.assign(new Error(`${code}: it failed, ${syscall}`), { code, errno, syscall })

describe('errors of the operating system about files', () => {
  it('have the code E_IO and say what to do', () => {
    const cases: [unknown, RegExp][] = [
      [thrownBy(() => readFileSync(tmpdir())), /^this is a folder.*; name a file \(EISDIR: read\)$/],
      [
        thrownBy(() => writeFileSync('/nowhere/at/all', '')),
        /^there is no such file.*; check the path \(ENOENT: open \/nowhere\/at\/all\)$/,
      ],
      [systemError('ENOSPC', -28), /the disk is full; free some space/],
      [systemError('EMFILE', -24, 'open'), /too many open files; raise the limit \(ulimit -n\)/],
    ]
    for (const [error, text] of cases) {
      expect(errorCode(error)).toBe('E_IO')
      expect(errorMessage(error)).toMatch(text)
    }
  })

  it('are not confused with others', () => {
    for (const error of [
      systemError('ECONNREFUSED', -111, 'connect'),
      new Error('ENOSPC'),
      { code: 'ENOSPC' },
    ]) {
      expect(errorCode(error)).toBe('E_INTERNAL')
    }
    expect(errorMessage(new Error('ENOSPC'))).toBe('ENOSPC')
  })
})
