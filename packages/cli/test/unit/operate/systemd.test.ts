import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EXIT } from '../../../src/exit-codes.js'
import { OPERATE } from '../../support/dashboard.js'
import { inTemporaryFolder } from '../../support/run-cli.js'

const UNIT = readFileSync(`${OPERATE}/systemd/tempered@.service`, 'utf8')
const hasSystemd = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0

const valuesOf = (key: string): string[] =>
  UNIT.split('\n').flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []))

describe('the unit of systemd', () => {
  it('consists of sections, settings and comments', () => {
    for (const line of UNIT.split('\n')) expect(line).toMatch(/^(|#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=.*)$/)
  })

  it('does not start a node again that cannot work, and takes a stop for a success', () => {
    const codes = (key: string): number[] => valuesOf(key).join(' ').split(' ').map(Number)
    const { usage, data, key, wrongRun, ledgerInvalid, diverged } = EXIT
    expect(codes('RestartPreventExitStatus')).toEqual([usage, data, key, wrongRun, ledgerInvalid, diverged])
    expect(codes('SuccessExitStatus')).toEqual([EXIT.interrupted, EXIT.terminated])
  })

  it.runIf(hasSystemd)('is accepted by systemd, and rated as well protected', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'tempered@.service')
      // The command need not be installed here.
      writeFileSync(path, UNIT.replace('/usr/local/bin/tempered', process.execPath))
      const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
      expect([verified.status, verified.stderr]).toEqual([0, ''])
      const rated = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', path], {
        encoding: 'utf8',
      })
      expect(rated.stdout).toContain('Overall exposure level')
      expect(rated.status).toBe(0)
    }),
  )
})
