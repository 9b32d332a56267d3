import { describe, expect, it } from 'vitest'
import type { SoakRecord } from '../../../src/soak/soak-checker.js'
import { callCli } from '../../support/call-cli.js'
import { inTemporaryFolder } from '../../support/run-cli.js'

describe('tempered soak', () => {
  it('runs real nodes under faults and invalid operations, and nothing is lost', () =>
    inTemporaryFolder(async (folder) => {
      const { code, stdout, stderr } = await callCli(
        ['soak', '--nodes', '4', '--minutes', '1', '--seed', '5', '--out', '.', '--json'],
        folder,
      )
      const record = JSON.parse(stdout) as SoakRecord & { readonly violations: readonly string[] }
      // How much it got done in a minute depends on the machine; what must not happen does not. It ends in any case: each
      // of its waits has a limit, and what is not over by then is a violation (unit/soak/limits).
      const real = record.violations.filter((violation) => !violation.startsWith('no real load'))
      expect(real, stderr).toEqual([])
      expect([0, 8]).toContain(code)
      expect(record.nodes.map(({ ledgerError }) => ledgerError ?? 'verified')).toEqual(
        Array(4).fill('verified'),
      )
      expect(record.orphans).toEqual([])
    }))
})
