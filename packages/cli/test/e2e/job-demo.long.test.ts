import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder, runCli } from '../support/run-cli.js'

describe('tempered job demo', () => {
  it('pays the honest, takes the stakes of liars, delivers the model, and loses no wei', () =>
    inTemporaryFolder(async (folder) => {
      // Its own target takes several rounds: below three nobody is judged.
      const demo = await runCli(['job', 'demo', '--out', 'runs'], folder)
      expect(demo.code, `${demo.stdout}\n${demo.stderr}`).toBe(0)
      expect(demo.stdout).not.toMatch(/^FAIL /m)
      expect(demo.stdout.match(/^ok /gm)!.length).toBeGreaterThanOrEqual(9)
      const [run = ''] = await readdir(join(folder, 'runs'))
      const user = await readdir(join(folder, 'runs', run, 'user'))
      expect(user).toContain('model.safetensors')
      // What the members have signed, measured by the user.
      const own = await runCli(
        ['model', 'eval', join('runs', run, 'user'), '--data', 'mnist', '--json'],
        folder,
      )
      expect(own.code, own.stderr).toBe(0)
      expect((JSON.parse(own.stdout) as { metrics: { accuracy: number } }).metrics.accuracy).toBeGreaterThan(
        0.6,
      )
      const job = JSON.parse(await readFile(join(folder, 'runs', run, 'user', 'job.json'), 'utf8')) as {
        id: string
      }
      const jobs = join(folder, 'runs', run, 'node-0', 'jobs', job.id.slice(2))
      const state = join(jobs, 'state')
      const verified = await runCli(['ledger', 'verify', state], folder)
      expect(verified.code, verified.stderr).toBe(0)
      const chain = await runCli(['chain', 'verify', join(state, 'chain.car')], folder)
      expect(chain.code, chain.stderr).toBe(0)
      const result = JSON.parse(await readFile(join(jobs, 'result.json'), 'utf8')) as {
        freeRiders: unknown[]
      }
      expect(result.freeRiders).toHaveLength(1)
    }))
})
