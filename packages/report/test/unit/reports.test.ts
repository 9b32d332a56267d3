import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { madeUpMatrix, writeRun, writeScenarioRuns } from '../../../lab/test/support/run-fixture.js'
import { inTemporaryFolder } from '../../../lab/test/support/temporary-folder.js'
import type { MatrixData } from '../../src/client/matrix-data.js'
import { writeMatrixReport } from '../../src/matrix-report.js'
import { writeScenarioReport } from '../../src/scenario-report.js'

const read = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8')

describe('writeScenarioReport', () => {
  it('puts benefit and cost over seeds, and everything beside the page', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1, 2])
      const summary = await writeScenarioReport(folder)
      expect(summary.variants.map((variant) => [variant.key, variant.runs.length])).toEqual([
        ['attacked-balance', 2],
        ['undefended-average', 2],
        ['honest-balance', 2],
        ['baseline-average', 2],
      ])
      const [balance] = summary.balances
      expect(balance?.benefit.worstGained?.mean).toBeCloseTo(0.5)
      expect(balance?.cost.worstLost?.mean).toBeCloseTo(0.02)
      // Without attackers everybody refuses node 3, which 4 of the 6 judge, out of 24 edges.
      expect(balance?.cost.honestRefused?.mean).toBeCloseTo(4 / 24)
      expect(JSON.parse(read(folder, 'report.json'))).toEqual(JSON.parse(JSON.stringify(summary)))
      expect(read(folder, 'rounds.csv').trim().split('\n')).toHaveLength(1 + 8 * 6 * 4)
      expect(read(folder, 'rounds.ndjson').trim().split('\n')).toHaveLength(8 * 6 * 4)
      const markdown = read(folder, 'summary.md')
      expect(markdown).toMatch(/^## The scenario\n\n```yaml\n[^`]*name: /m)
      expect(markdown).toContain('| worst honest node under attack | +50.0 pp')
      expect(markdown).toContain('bootstrap of the mean')
      expect(markdown).toContain('`tempered report ')
    })
  })

  it('marks runs that were cut short, and does not compare them with longer ones', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1])
      const attackers = [2, 5]
      const cut = { seed: 1, rule: 'average', attackers, played: 2, accuracy: () => 0.3, accepts: () => true }
      writeRun(join(folder, 'undefended', 'seed-1', 'run'), cut)
      const summary = await writeScenarioReport(folder)
      expect(summary.balances[0]).toMatchObject({ unequalSeeds: [1], benefit: { worstGained: null } })
      expect(summary.balances[0]?.cost.worstLost).not.toBeNull()
      expect(summary.variants.map(({ label }) => label)).toContain(
        'plain averaging, under attack (2 of 4 rounds)',
      )
      const markdown = read(folder, 'summary.md')
      expect(markdown).toContain('| worst honest node under attack | – |')
      for (const text of [markdown, read(folder, 'report.html')]) {
        expect(text).toContain('2 of 4 rounds')
        expect(text).toContain('scored after different rounds')
        expect(text).not.toMatch(/points (gained|lost)/)
      }
    })
  })

  it('names the hashes of the files that it was made from', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1])
      const summary = await writeScenarioReport(folder)
      const file = summary.variants[0]!.runs[0]!.files.find(({ path }) => path.endsWith('manifest.json'))!
      const bytes = readFileSync(join(folder, file.path))
      expect(file.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
      expect(read(folder, 'report.html')).toContain(file.sha256)
    })
  })

  it('shows the label histogram where there is one, and no empty picture where there is none', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1], { labelled: true })
      const summary = await writeScenarioReport(folder)
      expect(read(folder, 'report.html')).toContain('id="chart-labels"')
      expect(summary.variants[0]!.runs[0]!.files.map(({ path }) => path)).toContain(
        'attacked/seed-1/run/data.json',
      )
    })
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1])
      await writeScenarioReport(folder)
      expect(read(folder, 'report.html')).not.toContain('id="chart-labels"')
    })
  })

  it('says where it was played, and that simulated seconds are virtual', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1])
      expect((await writeScenarioReport(folder)).stage).toBeNull()
      const says = (words: string) => read(folder, 'report.html').includes(words)
      expect([says('seconds are virtual'), says('of real nodes')]).toEqual([false, false])
      writeFileSync(join(folder, 'summary.json'), '{"stage":"simulate"}')
      expect((await writeScenarioReport(folder)).stage).toBe('simulate')
      expect([says('seconds are virtual'), says('Simulated: virtual seconds')]).toEqual([true, true])
      writeFileSync(join(folder, 'summary.json'), '{"stage":"cluster"}')
      await writeScenarioReport(folder)
      expect([says('run on a cluster of real nodes'), says('stopped before its end')]).toEqual([true, false])
      writeFileSync(join(folder, 'summary.json'), '{"stage":"cluster","interrupted":true}')
      await writeScenarioReport(folder)
      expect(says('stopped before its end')).toBe(true)
    })
  })

  it('says which data.json is not what it should be', async () => {
    await inTemporaryFolder(async (folder) => {
      writeScenarioRuns(folder, [1], { labelled: true })
      const file = join(folder, 'honest', 'seed-1', 'run', 'data.json')
      writeFileSync(file, '{"node-00": [1, 2]}')
      await expect(writeScenarioReport(folder)).rejects.toThrow(`${file}: node-01: expected a list of counts`)
      writeFileSync(file, '{')
      await expect(writeScenarioReport(folder)).rejects.toMatchObject({ code: 'E_FILE' })
    })
  })

  it('lets no name out of its place, and no script run but its own', async () => {
    await inTemporaryFolder(async (folder) => {
      const name = '</script><script>alert(1)</script>'
      writeScenarioRuns(folder, [1], { name, attack: '<img src=x onerror=alert(2)>' })
      await writeScenarioReport(folder)
      const page = read(folder, 'report.html')
      expect(page).not.toContain(name)
      expect(page).not.toContain('<img src=x')
      const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1]!)
      expect(scripts).toHaveLength(2)
      for (const script of scripts)
        expect(page).toContain(`sha256-${createHash('sha256').update(script).digest('base64')}`)
      expect(page).toContain('default-src &#39;none&#39;')
    })
  })
})

describe('writeMatrixReport', () => {
  it('writes groups, costs and failures', async () => {
    await inTemporaryFolder(async (folder) => {
      writeFileSync(join(folder, 'matrix.json'), JSON.stringify(madeUpMatrix()))
      const summary = await writeMatrixReport(folder)
      expect(summary.groups).toHaveLength(6)
      expect(read(folder, 'matrix.csv').trim().split('\n')).toHaveLength(13)
      expect(read(folder, 'summary.md')).toContain('(2 failed)')
      expect(read(folder, 'summary.md')).toMatch(
        /^\| cost, no attackers \| worst lost .*\| computation time \|$/m,
      )
      expect(read(folder, 'summary.md')).toMatch(/^## The lab$/m)
      expect(read(folder, 'matrix.ndjson').trim().split('\n')).toHaveLength(
        read(folder, 'matrix.csv').trim().split('\n').length - 1,
      )
      const page = read(folder, 'report.html')
      expect(page).toContain('E_TOO_FEW_NODES: &lt;b&gt;n&lt;/b&gt;')
      expect(page).toContain('krum kept the worst honest node highest')
    })
  })

  it('judges by the metric of the matrix, in its direction', async () => {
    await inTemporaryFolder(async (folder) => {
      const matrix = madeUpMatrix() as { cells: { rule: string; attack: string; measures: object | null }[] }
      const cells = matrix.cells.map((cell) => ({
        ...cell,
        measures: {
          ...cell.measures,
          worstHonestAccuracy: null,
          meanHonestAccuracy: null,
          worstHonestMetric: (cell.rule === 'krum' ? 0.25 : 0.5) + (cell.attack === 'none' ? 0 : 4),
        },
      }))
      writeFileSync(join(folder, 'matrix.json'), JSON.stringify({ ...matrix, metric: 'rmse', cells }))
      const { groups, metric } = await writeMatrixReport(folder)
      expect(metric?.name).toBe('rmse')
      const krum = groups.find(({ rule, attack }) => rule === 'krum' && attack !== 'none')!
      // A negative loss: krum is better without attackers too.
      expect(krum.balance.cost.worstLost?.mean).toBeCloseTo(-0.25)
      const text = read(folder, 'summary.md')
      expect(text).toContain('Test RMSE (lower is better) of the worst honest node')
      expect(text).toContain('by how much RMSE is worse than with plain averaging')
      expect(text).toMatch(/\| krum \| −0\.25 /)
      expect(text).not.toContain('ccuracy')
      const page = read(folder, 'report.html')
      expect(page).toMatch(
        /krum kept the RMSE of the worst honest node lowest under attack: never above 4\.25 /,
      )
      expect(page).toContain('Plain averaging rose to 4.5 (')
      const data = JSON.parse(/id="report-data"[^>]*>([\s\S]*?)<\/script>/.exec(page)![1]!) as MatrixData
      expect(data.metric).toEqual({ label: 'RMSE', isShare: false, isHigherBetter: false })
      expect(data.measures[0]).toMatchObject({ name: 'worstHonestMetric', better: 'low' })
    })
  })

  it('names no best rule while cells are missing', async () => {
    await inTemporaryFolder(async (folder) => {
      const matrix = madeUpMatrix() as { cells: object[] }
      const [first, ...others] = matrix.cells
      const cells = [{ ...first, status: 'missing', measures: undefined }, ...others]
      writeFileSync(join(folder, 'matrix.json'), JSON.stringify({ ...matrix, cells }))
      await writeMatrixReport(folder)
      const lede = /<p class="lede">(.*?)<\/p>/.exec(read(folder, 'report.html'))?.[1]
      expect(lede).toBe('11 of 12 cells are done: too early to say which rule does best.')
    })
  })
})
