import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Inversion, InversionSummary } from '@tempered/lab/gradient-inversion'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder } from '../support/run-cli.js'

const ARGS = ['lab', 'inversion', '--model', 'mlp', '--batches', '1,4', '--steps', '0', '--seeds', '1,2']

describe('tempered lab inversion', () => {
  it('recovers labels and images from updates, and from shares neither', () =>
    inTemporaryFolder(async (folder) => {
      const { code, stdout, stderr } = await callCli([...ARGS, '--json', '--out', 'found'], folder)
      expect(code, stderr).toBe(0)
      const results = stdout.split('\n').map((line) => JSON.parse(line) as Omit<Inversion, 'pictures'>)
      expect(results.map(({ batchSize, seed }) => [batchSize, seed])).toEqual(
        [1, 4].flatMap((batchSize) => [1, 2].map((seed) => [batchSize, seed])),
      )
      for (const { victim, batchSize } of results) {
        // Ten reconstructions at a chance of 1 % each: by luck once in 10²⁰.
        expect(victim.update).toMatchObject({
          labels: 1,
          matched: 1,
          chance: 0.01,
          reconstructions: batchSize,
        })
        expect(victim.update.recovered).toBeGreaterThanOrEqual(0.75)
        expect(victim.shares).toMatchObject({ recovered: 0, chance: 0.01, reconstructions: batchSize })
        expect(victim.shares.matched).toBeLessThan(0.5)
      }
      const written = JSON.parse(await readFile(join(folder, 'found', 'result.json'), 'utf8')) as {
        readonly settings: object
        readonly summaries: InversionSummary[]
        readonly results: unknown
      }
      expect(written.results).toEqual(results)
      expect(written.settings).toMatchObject({ models: ['mlp'], members: 8, threshold: 2, seeds: [1, 2] })
      expect(written.summaries).toHaveLength(10)
      expect(written.summaries[0].matched).toMatchObject({ mean: 1, low: 1, high: 1 })
      for (const name of ['mlp-1x1.png', 'mlp-1x4.png']) {
        const png = await readFile(join(folder, 'found', name))
        expect(png.subarray(1, 4).toString()).toBe('PNG')
      }
      expect(stderr).toMatch(/mlp +1 step of 1 +update +victim +100\.0 % \[100\.0 %, 100\.0 %\] +10\.0 %/)

      const again = await callCli([...ARGS, '--out', 'found'], folder)
      expect(again.code).toBe(2)
      expect(again.stderr).toContain('found already exists')
    }))

  it.each([
    ['a threshold that the members cannot hold', ['--members', '4'], /takes 5 members/],
    ['more images than there are', ['--batches', '5000'], /need 40200 images.*there are 10000/],
    ['more classes than there are', ['--classes', '11'], /1 to 10 classes, not of 11/],
    ['an unknown model', ['--model', 'cnn'], /softmax, mlp/],
    ['a range of 0', ['--range', '0'], /above 0/],
  ])('refuses %s', (_, args, message) =>
    inTemporaryFolder(async (folder) => {
      const { code, stderr } = await callCli([...ARGS, ...args], folder)
      expect(code).toBe(2)
      expect(stderr).toMatch(message)
    }),
  )
})
