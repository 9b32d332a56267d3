import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** The folder of what operators need besides the command. */
export const OPERATE = fileURLToPath(new URL('../../../../operate', import.meta.url))

/** Every expression of the Grafana dashboard, with the variables that Grafana would fill in. */
export function dashboardExpressions(interval = '1m'): { readonly title: string; readonly expr: string }[] {
  const { panels } = JSON.parse(readFileSync(`${OPERATE}/grafana/tempered.json`, 'utf8')) as {
    panels: readonly Panel[]
  }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', interval),
    })),
  )
}

/** Names of metrics in an expression: a histogram's parts stand for it. */
export function metricNames(expr: string): string[] {
  const names = expr.match(/\b(tempered|process|nodejs)_[a-z0-9_]+/g) ?? []
  return [...new Set(names)].map((name) =>
    name.startsWith('tempered_round') ? name.replace(/_(bucket|sum|count)$/, '') : name,
  )
}
