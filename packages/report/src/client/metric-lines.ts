import { plotGrid, roundAxis, tooltipLook } from './axes.js'
import { drawChart, escapeText, type Palette, plotHeight, type Series, setNote } from './charts.js'
import { spreadLabels } from './end-labels.js'
import { groupByRound, markText } from './incidents.js'
import { metricAxis, metricText, metricTitle, onAxis } from './metric.js'
import type { QuantileBands, RunView } from './report-data.js'
import { sameLines } from './same-lines.js'
import { isSampled } from './sampling.js'

/** Number of lines in a tooltip that are still readable. */
const MAX_TOOLTIP_LINES = 14

/** The metric over rounds: a line per node, or bands of quantiles when there are too many nodes. */
export function drawMetricLines(run: RunView): void {
  const { values } = run
  setNote(
    'metric',
    values.kind === 'bands'
      ? `${run.nodes.length} nodes are too many for one line per node: the chart shows the median, 10 to 90 % and the whole range.`
      : hiddenText(run, values.values),
  )
  drawChart('metric', `${metricTitle(run.metric)} over rounds, honest nodes and attackers`, (colors) => ({
    grid: plotGrid(116),
    tooltip:
      values.kind === 'bands'
        ? { trigger: 'axis', ...tooltipLook(colors), formatter: (items) => bandText(items, values, run) }
        : {
            trigger: 'axis',
            ...tooltipLook(colors),
            order: 'valueDesc',
            formatter: (items) => lineText(items, run),
          },
    xAxis: roundAxis(run.rounds, colors),
    yAxis: metricAxis(run.metric, colors),
    series: [
      ...(values.kind === 'bands' ? bandSeries(values, colors) : lineSeries(run, values.values, colors)),
      incidentSeries(run, colors),
    ],
  }))
}

/** Which lines lie exactly under others. */
function hiddenText(run: RunView, values: readonly (readonly (number | null)[])[]): string {
  const same = sameLines(values)
  const groups = new Map<number, string[]>()
  for (const [k, first] of same.entries())
    if (first !== null) groups.set(first, [...(groups.get(first) ?? []), run.nodes[k]?.name ?? ''])
  return [...groups]
    .map(([first, names]) => `Same line as ${run.nodes[first]?.name}: ${names.join(', ')}.`)
    .join(' ')
}

function lineSeries(
  run: RunView,
  values: readonly (readonly (number | null)[])[],
  colors: Palette,
): Series[] {
  // Nodes are compared after the last round that at least half of them reached, so that one killed early is not the
  // worst.
  const reached = run.rounds.map((_, at) => values.filter((line) => line[at] != null).length)
  const end = reached.findLastIndex((count) => 2 * count >= run.nodes.length)
  const finals = run.nodes.map((node, k) => ({
    k,
    isByzantine: node.attack !== null,
    value: values[k]?.[end] ?? null,
  }))
  const honest = finals.filter((final) => !final.isByzantine && final.value !== null)
  honest.sort((a, b) => (run.metric.isHigherBetter ? a.value! - b.value! : b.value! - a.value!))
  const labelled = new Set([honest[0]?.k, honest.at(-1)?.k])
  const shifts = spreadLabels(
    onAxis(
      run.metric,
      finals.map(({ k, isByzantine, value }) => (isByzantine || labelled.has(k) ? value : null)),
    ),
    plotHeight('metric'),
  )
  return run.nodes.map((node, k) => {
    const isByzantine = node.attack !== null
    return nodeSeries(node.name, values[k] ?? [], {
      isByzantine,
      isWorst: honest[0]?.k === k,
      color: isByzantine ? colors.byzantine : colors.honest,
      isLabelled: labelled.has(k) || isByzantine,
      shift: shifts[k] ?? 0,
    })
  })
}

interface NodeStyle {
  readonly isByzantine: boolean
  /** The worst honest node of the run. */
  readonly isWorst: boolean
  readonly color: string
  readonly isLabelled: boolean
  /** Vertical offset of the label, pixels. */
  readonly shift: number
}

function nodeSeries(name: string, values: readonly (number | null)[], style: NodeStyle): Series {
  const { isByzantine, isWorst, color, isLabelled, shift } = style
  return {
    type: 'line',
    name,
    data: [...values],
    // Rounds between evaluations are bridged; rounds in which the node was away are not.
    connectNulls: isSampled(values),
    // A single point does not make a line.
    showSymbol: values.filter((value) => value !== null).length === 1,
    symbol: isByzantine ? 'diamond' : 'circle',
    symbolSize: 7,
    z: isWorst ? 5 : 3,
    lineStyle: {
      color,
      width: isWorst ? 3.5 : 1.8,
      type: isByzantine ? [7, 5] : 'solid',
      opacity: isWorst || isByzantine ? 1 : 0.55,
    },
    itemStyle: { color },
    emphasis: { focus: 'series', lineStyle: { width: 4, opacity: 1 } },
    endLabel: {
      show: isLabelled,
      color,
      fontWeight: isWorst ? 700 : 400,
      offset: [0, shift],
      formatter: `${name}${isWorst ? ' (worst)' : ''}`,
    },
  }
}

function bandSeries(values: QuantileBands, colors: Palette): Series[] {
  return (['byzantine', 'honest'] as const).flatMap((kind) => {
    const bands = values[kind]
    if (bands.every((band) => band === null)) return []
    const color = kind === 'byzantine' ? colors.byzantine : colors.honest
    const area = (low: 0 | 1, high: 3 | 4, opacity: number): Series[] => {
      const base = { type: 'line', stack: `${kind} ${low}`, symbol: 'none', silent: true } as const
      return [
        { ...base, lineStyle: { opacity: 0 }, data: bands.map((band) => band?.[low] ?? null) },
        {
          ...base,
          lineStyle: { opacity: 0 },
          areaStyle: { color, opacity },
          data: bands.map((band) => (band === null ? null : band[high] - band[low])),
        },
      ]
    }
    return [
      ...area(0, 4, 0.12),
      ...area(1, 3, 0.24),
      {
        type: 'line',
        name: kind,
        symbol: 'none',
        data: bands.map((band) => band?.[2] ?? null),
        lineStyle: { color, width: 3, type: kind === 'byzantine' ? [7, 5] : 'solid' },
        itemStyle: { color },
        endLabel: { show: true, color, formatter: kind === 'byzantine' ? 'attackers' : 'honest' },
      } satisfies Series,
    ]
  })
}

/** Faults and quarantines as marks on the axis of rounds, with text above them where there is room. */
function incidentSeries(run: RunView, colors: Palette): Series {
  const groups = [...groupByRound(run.incidents)]
  return {
    type: 'scatter',
    name: 'incidents',
    symbol: 'triangle',
    symbolSize: 13,
    itemStyle: { color: colors.third },
    data: groups.map(([round]) => [String(round), 0]),
    label: {
      show: true,
      position: 'top',
      color: colors.soft,
      fontSize: 10.5,
      lineHeight: 12,
      formatter: ({ dataIndex }) => markText(groups[dataIndex]?.[1] ?? []),
    },
    labelLayout: { hideOverlap: true },
    z: 8,
  }
}

interface TooltipItem {
  readonly dataIndex: number
  readonly seriesName?: string
  readonly value?: unknown
  readonly marker?: unknown
  readonly axisValue?: string
}

/** The items passed to a tooltip of trigger `axis`. */
function itemsOf(params: unknown): TooltipItem[] {
  return (Array.isArray(params) ? params : [params]) as TooltipItem[]
}

function lineText(params: unknown, run: RunView): string {
  const items = itemsOf(params)
  const round = items[0]?.axisValue ?? ''
  const attackOf = new Map(run.nodes.map((node) => [node.name, node.attack]))
  const lines = items
    .filter((item) => typeof item.value === 'number')
    .map((item) => {
      const attack = attackOf.get(item.seriesName ?? '')
      const role = attack === null || attack === undefined ? '' : ` (${escapeText(attack)})`
      return `${String(item.marker ?? '')}${escapeText(item.seriesName ?? '')}${role} <b>${metricText(run.metric, item.value as number)}</b>`
    })
  const middle = MAX_TOOLTIP_LINES / 2
  const shown =
    lines.length <= MAX_TOOLTIP_LINES
      ? lines
      : [...lines.slice(0, middle), `… ${lines.length - MAX_TOOLTIP_LINES} more …`, ...lines.slice(-middle)]
  return [`round ${escapeText(round)}`, ...shown, ...incidentLines(run, round)].join('<br>')
}

function bandText(params: unknown, values: QuantileBands, run: RunView): string {
  const [item] = itemsOf(params)
  const at = item?.dataIndex ?? 0
  const lines = (['honest', 'byzantine'] as const).flatMap((kind) => {
    const band = values[kind][at]
    if (band === null || band === undefined) return []
    const [low, , median, , high] = band
    const text = (value: number): string => metricText(run.metric, value)
    return `${kind === 'honest' ? 'honest nodes' : 'attackers'}: median <b>${text(median)}</b>, ${text(low)} to ${text(high)}`
  })
  const round = item?.axisValue ?? ''
  return [`round ${escapeText(round)}`, ...lines, ...incidentLines(run, round)].join('<br>')
}

function incidentLines(run: RunView, round: string): string[] {
  const incidents = groupByRound(run.incidents).get(Number(round)) ?? []
  const lines = incidents.slice(0, 5).map((incident) => `▲ ${escapeText(incident.text)}`)
  return incidents.length > 5 ? [...lines, `▲ … ${incidents.length - 5} more`] : lines
}
