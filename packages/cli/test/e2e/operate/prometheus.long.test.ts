import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { dashboardExpressions, OPERATE } from '../../support/dashboard.js'
import { freePorts } from '../../support/free-ports.js'
import { initNodes, listening, roundDone, setBootstrap, startNode } from '../../support/node-pair.js'
import { inTemporaryFolder, parseJson, startCli, startProcess } from '../../support/run-cli.js'

const hasPrometheus = spawnSync('prometheus', ['--version'], { stdio: 'ignore' }).status === 0
if (!hasPrometheus)
  process.stderr.write(
    'the dashboard is not tried: there is no prometheus on this machine (Debian: apt-get install prometheus)\n',
  )

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

describe.skipIf(!hasPrometheus)('a real Prometheus that watches a real node', () => {
  it('accepts the alert rules', () => {
    const checked = spawnSync('promtool', ['check', 'rules', `${OPERATE}/prometheus/rules.yml`])
    expect([checked.status, String(checked.stderr)]).toEqual([0, ''])
  })

  it('has data for every expression of the dashboard', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 100_000)
      const alice = startCli(
        ['node', 'start', '--config', 'alice', '--json', '--metrics', '127.0.0.1:0'],
        folder,
      )
      const target = await alice.line('stderr', (line) => {
        const found = /http:\/\/([\d.]+:\d+)\/metrics/.exec(String(parseJson(line)?.msg))
        return found?.[1]
      })
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      await roundDone(alice, 0)
      const [port] = await freePorts(1)
      const config = {
        global: { scrape_interval: '1s' },
        rule_files: [`${OPERATE}/prometheus/rules.yml`],
        scrape_configs: [{ job_name: 'tempered', static_configs: [{ targets: [target] }] }],
      }
      // JSON is YAML.
      await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config))
      const prometheus = startProcess(
        'prometheus',
        [
          '--config.file=prometheus.yml',
          '--storage.tsdb.path=tsdb',
          `--web.listen-address=127.0.0.1:${port}`,
          '--web.enable-lifecycle',
        ],
        folder,
      )
      try {
        await prometheus.line('stderr', (line) => (line.includes('Server is ready') ? true : undefined))
        const ask = async (expr: string): Promise<Answer> => {
          const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`
          return (await fetch(url)).json() as Promise<Answer>
        }
        for (const { title, expr } of dashboardExpressions()) {
          // Two scrapes must have been made, with a round in between.
          for (;;) {
            const { status, error, data } = await ask(expr)
            expect([status, error], `${title}: ${expr}`).toEqual(['success', undefined])
            if (data!.result.some(({ value }) => Number.isFinite(Number(value[1])))) break
            await pause(200)
          }
        }
      } finally {
        for (const { child } of [prometheus, alice, bob]) child.kill('SIGTERM')
        await Promise.all([prometheus, alice, bob].map(({ exit }) => exit))
      }
    }))
})
