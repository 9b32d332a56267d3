import { cp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

const SCENARIO = fileURLToPath(new URL('../../../../scenarios/two-stories.yaml', import.meta.url))
const EQUIVOCATOR = 3
const CHEAT = 7

interface Quarantine {
  readonly type: string
  readonly index: number
  readonly peer: string
  readonly kind: string
  readonly round: number
}

describe('ten nodes, one that tells two stories and one that aggregates wrongly', () => {
  it('end with both proven to anyone, and the equivocator quarantined by everyone within a round', () =>
    inTemporaryFolder(async (folder) => {
      const run = await runCli(['cluster', 'run', SCENARIO, '--out', 'runs', '--json'], folder)
      expect(run.code, run.stderr).toBe(0)
      const events = run.stdout.split('\n').map((line) => parseJson(line) as unknown as Quarantine)
      const quarantines = events.filter(({ type }) => type === 'quarantine')
      const honest = quarantines.filter(({ index }) => index !== EQUIVOCATOR)
      expect(honest.map(({ index }) => index).sort()).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9])
      expect(new Set(honest.map(({ peer }) => peer)).size).toBe(1)
      for (const { kind, round } of honest) expect([kind, round]).toEqual(['announcement-equivocation', 0])

      const results = join(folder, 'runs', (await readdir(join(folder, 'runs')))[0]!)
      expect((await callCli(['ledger', 'verify', results], folder)).code).toBe(0)
      // From the round after the first pair on, nobody takes a model of it.
      const shown = await callCli(['ledger', 'show', join(results, 'nodes', 'node-02'), '--json'], folder)
      for (const line of shown.stdout.split('\n')) {
        const { round, neighbours } = parseJson(line) as {
          round: number
          neighbours: { peer: string; accepted: boolean }[]
        }
        const record = neighbours.find(({ peer }) => peer === honest[0]!.peer)
        if (round > 1) expect(record?.accepted ?? false).toBe(false)
      }

      const replay = await callCli(['ledger', 'replay', results, '--proofs', 'proofs'], folder)
      expect(replay.code).toBe(6)
      expect(replay.stdout).toMatch(new RegExp(`^bad +node-0${CHEAT} `, 'm'))
      for (const index of [0, 1, 2, 4, 5, 6, 8, 9])
        expect(replay.stdout).toMatch(new RegExp(`^ok +node-0${index} .*: 6 rounds agree`, 'm'))

      // Another machine: nothing there but the proofs.
      const elsewhere = join(folder, 'elsewhere')
      await cp(join(folder, 'proofs'), elsewhere, { recursive: true })
      const summary = JSON.parse(await readFile(join(results, 'summary.json'), 'utf8')) as { run?: string }
      await rm(join(folder, 'runs'), { recursive: true })
      const files = (await readdir(elsewhere)).sort()
      expect(
        files.some((name) => name.includes(`node-0${EQUIVOCATOR}`) && name.includes('equivocation')),
      ).toBe(true)
      expect(files.some((name) => name.includes(`node-0${CHEAT}`) && name.includes('wrong-aggregate'))).toBe(
        true,
      )
      const pinned = summary.run === undefined ? [] : ['--run', summary.run]
      const check = await callCli(['ledger', 'check', ...files, ...pinned], elsewhere)
      expect(check.code, check.stdout + check.stderr).toBe(0)
    }))
})
