import { readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder, startProcess } from '../support/run-cli.js'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const PACKAGES = [
  'chain',
  'errors',
  'protocol',
  'robust-agg',
  'secagg',
  'train',
  'node',
  'lab',
  'report',
  'settlement',
  'cli',
]

/** What a user may write against the packages: checked with nodenext and strict, never run. */
const PROGRAM = `
import { nearestName } from '@tempered/errors'
import { runScenario, simulate, type SimulationResult, type ScenarioInput } from '@tempered/lab'
import { createNode, createRunManifest, verifyLedgerFile } from '@tempered/node'
import { decodeModel } from '@tempered/protocol'
import { writeScenarioReport } from '@tempered/report'
import { createRule } from '@tempered/robust-agg'
import { createAttack } from '@tempered/robust-agg/attacks'
import { registerRule } from '@tempered/robust-agg/custom'
import { createTopology } from '@tempered/robust-agg/topology'
import { privacySpent } from '@tempered/secagg'
import { type ContractStatement, statementData } from '@tempered/settlement'

const scenario: ScenarioInput = { nodes: 4, rule: 'median' }
const result: Promise<SimulationResult> = simulate(scenario, { signal: AbortSignal.timeout(1000) })
const name: string = registerRule({ name: 'mine', combine: ({ own }) => own })
const rule = createRule('median')
const epsilon: number = privacySpent([{ samplingRate: 1, noiseMultiplier: 4, steps: 1 }], 1e-5).epsilon
const signed = (one: ContractStatement) => statementData(one, { chainId: 1, contract: '0x0000000000000000000000000000000000000001' })
const worst: number | null = (await result).measures.worstHonestAccuracy
export { createAttack, createNode, createRunManifest, createTopology, decodeModel, name, nearestName, rule, runScenario, signed, verifyLedgerFile, worst, writeScenarioReport }
`

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const process = startProcess(command, args, cwd)
  const code = await process.exit
  if (code !== 0)
    throw new Error(
      `${command} ${args.join(' ')}: ${code}\n${[...process.stdout, ...process.stderr].join('\n')}`,
    )
  return process.stdout.join('\n')
}

const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  packageManager: string
}
const pnpm = (args: readonly string[], cwd: string): Promise<string> =>
  run('npm', ['exec', '--yes', '--loglevel=error', `--package=${packageManager}`, '--', 'pnpm', ...args], cwd)

describe('the packages as others install them', () => {
  it('type-check a program, run the demo and render a report in an empty folder', async () => {
    await inTemporaryFolder(async (folder) => {
      const tarballs = join(folder, 'tarballs')
      for (const name of PACKAGES)
        await pnpm(['pack', '--pack-destination', tarballs], join(ROOT, 'packages', name))
      const files = Object.fromEntries(
        PACKAGES.map((name) => {
          const file = readdirSync(tarballs).find((one) => one.startsWith(`tempered-${name}-`))
          return [`@tempered/${name}`, `file:${join(tarballs, file!)}`]
        }),
      )
      const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
        devDependencies: Record<string, string>
      }
      const manifest = {
        name: 'stranger',
        private: true,
        type: 'module',
        dependencies: files,
        devDependencies: {
          typescript: devDependencies.typescript,
          '@types/node': devDependencies['@types/node'],
        },
        pnpm: { overrides: files },
      }
      await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
      await pnpm(['install', '--prefer-offline', '--ignore-workspace'], folder)

      await writeFile(join(folder, 'program.ts'), PROGRAM)
      const flags = [
        '--noEmit',
        '--strict',
        '--module',
        'nodenext',
        '--target',
        'es2023',
        '--skipLibCheck',
        '--types',
        'node',
      ]
      await run(process.execPath, ['node_modules/typescript/bin/tsc', ...flags, 'program.ts'], folder)

      const printed = await run('npx', ['tempered', 'demo', '--rounds', '2', '--out', 'runs'], folder).catch(
        // After two rounds the defence need not have won yet; everything else must have worked.
        (error: Error) => {
          if (!/E_GOAL_MISSED/.test(error.message)) throw error
          return error.message
        },
      )
      expect(printed).toMatch(/ledgers that verify +10 of 10 +10 of 10/)
      const [demo] = readdirSync(join(folder, 'runs'))
      await run('npx', ['tempered', 'report', join('runs', demo!)], folder)
      expect(await readFile(join(folder, 'runs', demo!, 'report.html'), 'utf8')).toMatch(
        /<style>[\s\S]*\.panel/,
      )
      for (const name of PACKAGES) {
        const inside = readdirSync(join(folder, 'node_modules', '@tempered', name))
        expect(inside).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'dist', 'package.json']))
      }
    })
  })
})
