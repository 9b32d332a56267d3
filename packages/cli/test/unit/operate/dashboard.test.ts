import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createNodeMetrics } from '../../../src/operate/node-metrics.js'
import { dashboardExpressions, metricNames, OPERATE } from '../../support/dashboard.js'

const { registry } = createNodeMetrics({
  status: () => undefined,
  disk: async () => ({ stateBytes: null, freeBytes: null }),
})
const exported = new Set(registry.getMetricsAsArray().map(({ name }) => name))

describe('the Grafana dashboard', () => {
  const expressions = dashboardExpressions()

  it('has panels with expressions, and none without a metric', () => {
    expect(expressions.length).toBeGreaterThan(25)
    for (const { title, expr } of expressions) expect(metricNames(expr), title).not.toEqual([])
  })

  it('uses only metrics that a node exports', () => {
    const unknown = expressions.flatMap(({ expr }) => metricNames(expr)).filter((name) => !exported.has(name))
    expect(unknown).toEqual([])
  })
})

describe('the alert rules of Prometheus', () => {
  it('use only metrics that a node exports', () => {
    const { groups } = parse(readFileSync(`${OPERATE}/prometheus/rules.yml`, 'utf8')) as {
      groups: { rules: { alert: string; expr: string }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(4)
    const unknown = rules.flatMap(({ expr }) => metricNames(expr)).filter((name) => !exported.has(name))
    expect(unknown).toEqual([])
  })
})

describe('docs/operating.md', () => {
  it('explains every metric of ours, and none that is not there', () => {
    const path = fileURLToPath(new URL('../../../../../docs/operating.md', import.meta.url))
    const text = readFileSync(path, 'utf8')
    const explained = new Set([...text.matchAll(/^\| `(tempered_[a-z_]+)/gm)].map(([, name]) => name!))
    const ours = [...exported].filter((name) => name.startsWith('tempered_'))
    expect([...explained].sort()).toEqual(ours.sort())
  })
})
