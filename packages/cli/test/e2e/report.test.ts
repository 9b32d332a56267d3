import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { madeUpMatrix, writeRun, writeScenarioRuns } from '../../../lab/test/support/run-fixture.js'
import {
  countPixels,
  difference,
  findChromium,
  keepPicture,
  launchChromium,
  openFile,
  picture,
} from '../support/browser.js'
import { callCli } from '../support/call-cli.js'

/** Reports as people see them: in a real Chromium without a network. */

const chromium = findChromium()
if (chromium === undefined) {
  const notice =
    'NO CHROMIUM FOUND: the reports are not looked at. Install chromium, or name one in TEMPERED_CHROMIUM.'
  if (process.env.TEMPERED_REQUIRE_CHROMIUM === '1') throw new Error(notice)
  process.stderr.write(`\n*** ${notice} ***\n\n`)
}

type View = readonly [name: string, width: number, scheme: 'light' | 'dark']
const LIGHT: View = ['light', 1280, 'light']
const VIEWS = sized<readonly View[]>([LIGHT], [LIGHT, ['dark', 1280, 'dark'], ['narrow', 390, 'light']])

const CHARTS = [
  'comparison',
  'metric',
  'verdicts',
  'topology',
  'filter',
  'asr',
  'effort',
  'bytes',
  'memory',
  'consensus',
  'labels',
  'balance',
]

describe.skipIf(chromium === undefined)('report in Chromium', () => {
  let browser: Browser
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tempered-report-'))
    browser = await launchChromium(chromium!)
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What the network picture says to those who cannot see it. */
  const label = (page: Page) => page.$eval('#chart-topology', (element) => element.getAttribute('aria-label'))

  /** A folder with its report, made by the command. */
  async function made(name: string, write: (path: string) => void): Promise<string> {
    const path = join(folder, name)
    write(path)
    const { code, stderr } = await callCli(['report', path], folder)
    expect(stderr).toContain('report.html')
    expect(code).toBe(0)
    return join(path, 'report.html')
  }

  it('draws every chart of a scenario, in light, dark and narrow, and asks nobody for anything', async () => {
    const file = await made('scenario', (path) => {
      writeScenarioRuns(path, [1, 2, 3], {
        rounds: 8,
        labelled: true,
        events: [
          { elapsedMs: 1, type: 'fault', action: { type: 'kill', at: 3, node: 1 } },
          { elapsedMs: 1, type: 'fault', action: { type: 'restart', at: 5, node: 1 } },
        ],
      })
      const assertion = { assertion: 'worstHonestAccuracy >= 70 %', rule: 'balance', ok: true, got: '79 %' }
      writeFileSync(join(path, 'summary.json'), JSON.stringify({ assertions: [assertion] }))
    })
    for (const [name, width, scheme] of VIEWS) {
      const { page, troubles } = await openFile(browser, file, { width, scheme })
      await keepPicture(page, `report-${name}`)
      for (const chart of CHARTS) {
        const { colors, drawn } = await countPixels(browser, await picture(page, `#chart-${chart}`))
        expect(colors, `colours of ${chart}, ${name}`).toBeGreaterThan(4)
        expect(drawn, `drawn share of ${chart}, ${name}`).toBeGreaterThan(0.005)
      }
      expect(await page.$eval('#title-assertions + p', (element) => element.textContent)).toBe('1 of 1 held.')
      const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      expect(overflow, `pixels wider than the window, ${name}`).toBeLessThanOrEqual(0)
      expect(troubles).toEqual([])
      await page.close()
    }
  })

  it('shows another network when the slider moves, by keyboard, and plays', async () => {
    const file = await made('slider', (path) => writeScenarioRuns(path, [1]))
    const { page, troubles } = await openFile(browser, file, { width: 1280 })
    const last = await picture(page, '#chart-topology')
    const drawing = () => page.$eval('#chart-topology svg', (element) => element.innerHTML)
    const drawn = await drawing()
    expect(await page.$eval('#round-name', (element) => element.textContent)).toBe('round 4 of 4')
    await page.focus('#round')
    await page.keyboard.press('Home')
    expect(await page.$eval('#round-name', (element) => element.textContent)).toBe('round 1 of 4')
    expect(await label(page)).toContain('round 1: 12 models accepted, 12 rejected')
    expect(await difference(browser, last, await picture(page, '#chart-topology'))).toBeGreaterThan(0.002)
    expect(await drawing()).not.toBe(drawn)
    await page.focus('#play')
    await page.keyboard.press('Enter')
    await page.waitForFunction(`document.getElementById('round-name').textContent === 'round 4 of 4'`)
    await page.waitForFunction(`document.getElementById('play').textContent === 'Play'`)
    expect(await drawing()).toBe(drawn)
    expect(await label(page)).toContain('round 4: 16 models accepted, 8 rejected')
    expect(troubles).toEqual([])
    await page.close()
  })

  it('shows another run when one is chosen', async () => {
    const file = await made('choice', (path) => writeScenarioRuns(path, [1, 2]))
    const { page, troubles } = await openFile(browser, file, { width: 1280 })
    const before = await picture(page, '#chart-verdicts')
    await page.focus('input[name=variant]')
    await page.keyboard.press('ArrowRight')
    const undefended = await picture(page, '#chart-verdicts')
    expect(await difference(browser, before, undefended)).toBeGreaterThan(0.02)
    const accuracy = await picture(page, '#chart-metric')
    await page.select('#seed', '2')
    expect(await difference(browser, accuracy, await picture(page, '#chart-metric'))).toBeGreaterThan(0.0005)
    expect(troubles).toEqual([])
    await page.close()
  })

  it('takes hostile names for what they are', async () => {
    const name = '</script><script>window.hacked=1</script>'
    const attack = '<img src=x onerror="window.hacked=1">'
    const file = await made('hostile', (path) => writeScenarioRuns(path, [1], { name, attack }))
    const { page, troubles } = await openFile(browser, file, { width: 1280 })
    expect(await page.$eval('h1', (element) => element.textContent)).toBe(name)
    // The tooltip of all nodes names the attack.
    const box = await (await page.$('#chart-metric'))!.boundingBox()
    await page.mouse.move(box!.x + box!.width / 2, box!.y + box!.height / 2)
    await page.waitForFunction(`document.getElementById('chart-metric').textContent.includes('onerror')`)
    expect(await page.evaluate('window.hacked')).toBeUndefined()
    expect(await page.$$('img')).toHaveLength(0)
    expect(troubles).toEqual([])
    await page.close()
  })

  it('stays usable for a single run of many nodes', async () => {
    const file = await made('many', (path) =>
      writeRun(path, {
        rule: 'balance',
        nodes: 1000,
        rounds: 3,
        labelled: true,
        attackers: Array.from({ length: 200 }, (_, k) => 5 * k),
        accuracy: (node, round) => 0.3 + 0.1 * round + 0.0003 * node,
        accepts: (_, other) => other % 5 !== 0,
      }),
    )
    const { page, troubles } = await openFile(browser, file, { width: 1280 })
    expect(await page.$eval('#note-metric', (element) => element.textContent)).toContain('1000 nodes')
    expect(await page.$eval('#note-verdicts', (element) => element.textContent)).toContain('120 rows of 4000')
    expect(await page.$eval('#note-topology', (element) => element.textContent)).toContain('too many to draw')
    expect(await page.$eval('#note-labels', (element) => element.textContent)).toBe(
      '120 of 1000 nodes are shown.',
    )
    for (const chart of ['metric', 'verdicts', 'filter', 'effort', 'bytes', 'memory', 'labels'])
      expect((await countPixels(browser, await picture(page, `#chart-${chart}`))).colors).toBeGreaterThan(4)
    expect(troubles).toEqual([])
    await page.close()
  })

  it('draws a matrix, with what failed and what rules cost', async () => {
    const file = await made('matrix', (path) => {
      writeRun(path, { rule: 'average', accuracy: () => 0, accepts: () => true })
      writeFileSync(join(path, 'matrix.json'), JSON.stringify(madeUpMatrix()))
    })
    const { page, troubles } = await openFile(browser, file, { width: 1280 })
    await keepPicture(page, 'report-matrix')
    const before = await picture(page, '#chart-matrix')
    expect((await countPixels(browser, before)).drawn).toBeGreaterThan(0.1)
    expect(await page.$eval('#chart-matrix', (element) => element.textContent)).toContain('✕')
    await page.select('select[name=measure]', 'honestRefused')
    expect(await difference(browser, before, await picture(page, '#chart-matrix'))).toBeGreaterThan(0.02)
    expect(troubles).toEqual([])
    await page.close()
  })

  it('prints numbers for scripts, and says what is wrong with a folder', async () => {
    const path = join(folder, 'json')
    writeScenarioRuns(path, [1])
    const good = await callCli(['report', path, '--json'], folder)
    expect(JSON.parse(good.stdout)).toMatchObject({
      kind: 'tempered/report',
      balances: [{ rule: 'balance' }],
    })
    const bad = await callCli(['report', join(folder, 'nothing')], folder)
    expect(bad.code).toBe(2)
    expect(bad.stderr).toContain('E_FILE')
  })
})
