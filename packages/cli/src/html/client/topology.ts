import type { EChartsOption } from 'echarts'
import { tooltipLook } from './axes.js'
import { drawChart, escapeText, type Palette, percentText, setNote } from './charts.js'
import type { EdgeView, RunView } from './report-data.js'

const MARKS: Readonly<Record<string, string>> = { a: 'accepted', r: 'refused', '-': 'nothing came' }

/** Above this many edges arrows are only in each other's way. */
const MANY_EDGES = 240

/** The network in the round at position `at` of the run's rounds: who accepted whose model. */
export function drawTopology(run: RunView, at: number): void {
  if (!run.verdicts.complete) {
    setNote('topology', `${run.nodes.length} nodes with ${run.verdicts.total} edges are too many to draw.`)
    document.getElementById('chart-topology')?.setAttribute('hidden', '')
    return
  }
  setNote('topology', '')
  document.getElementById('chart-topology')?.removeAttribute('hidden')
  const { edges } = run.verdicts
  const many = edges.length > MANY_EDGES
  drawChart(
    'topology',
    `Network in round ${run.rounds[at]}: ${describe(edges, at)}`,
    (colors) => ({
      animation: false,
      tooltip: { ...tooltipLook(colors), formatter: (item) => tooltipText(item, run) },
      series: [
        {
          type: 'graph',
          layout: 'none',
          left: 56,
          right: 56,
          top: 34,
          bottom: 34,
          data: run.nodes.map((node, k) => pointOf(run, node, k, at, colors)),
          edges: edges.map((edge) => lineOf(edge, edge.marks[at] ?? ' ', many, colors)),
          edgeSymbol: ['none', many ? 'none' : 'arrow'],
          edgeSymbolSize: 8,
          emphasis: { focus: 'adjacency', lineStyle: { width: 3 } },
        },
      ],
    }),
    edges.length > 800,
  )
}

type Graph = Extract<
  Extract<NonNullable<EChartsOption['series']>, readonly unknown[]>[number],
  { type?: 'graph' }
>
type GraphNode = Exclude<NonNullable<Graph['data']>[number], string | number | Date | readonly unknown[]>
type GraphEdge = NonNullable<Graph['edges']>[number]

function pointOf(
  run: RunView,
  node: RunView['nodes'][number],
  index: number,
  at: number,
  colors: Palette,
): GraphNode {
  const angle = (2 * Math.PI * index) / run.nodes.length - Math.PI / 2
  const hostile = node.attack !== null
  const few = run.nodes.length <= MAX_NAMES
  const color = hostile ? colors.hostile : colors.honest
  return {
    id: String(index),
    name: node.name,
    x: 1000 * Math.cos(angle),
    y: 1000 * Math.sin(angle),
    symbol: hostile ? 'diamond' : 'circle',
    symbolSize: (hostile ? 1.35 : 1) * (few ? 22 : run.nodes.length <= 80 ? 12 : 7),
    itemStyle: { color, borderColor: colors.card, borderWidth: 2 },
    label: {
      show: few,
      position: [...labelPlace(angle)],
      color,
      fontSize: 12,
      align: Math.abs(Math.cos(angle)) < 0.2 ? 'center' : Math.cos(angle) > 0 ? 'left' : 'right',
      verticalAlign: 'middle',
      formatter: hostile ? node.name : `${node.name}\n${percentText(accuracyOf(run, index, at))}`,
    },
  }
}

const MAX_NAMES = 40

/** Outside the circle, in per cent of the symbol. */
function labelPlace(angle: number): [string, string] {
  return [`${50 + 90 * Math.cos(angle)}%`, `${50 + 120 * Math.sin(angle)}%`]
}

function lineOf(edge: EdgeView, mark: string, many: boolean, colors: Palette): GraphEdge {
  const accepted = mark === 'a'
  const silent = mark !== 'a' && mark !== 'r'
  return {
    source: String(edge.from),
    target: String(edge.to),
    value: mark,
    lineStyle: {
      color: accepted ? colors.good : silent ? colors.line : colors.hostile,
      type: accepted ? 'solid' : [4, 4],
      width: accepted ? (many ? 1 : 2.2) : 1.2,
      opacity: silent ? 0.5 : accepted ? (many ? 0.5 : 0.9) : many ? 0.25 : 0.7,
      curveness: 0.12,
    },
  } as unknown as GraphEdge
}

function accuracyOf(run: RunView, index: number, at: number): number | null {
  return run.accuracy.kind === 'nodes' ? (run.accuracy.values[index]?.[at] ?? null) : null
}

function tooltipText(item: unknown, run: RunView): string {
  const { dataType, data, name } = item as {
    dataType?: string
    name: string
    data: { source?: string; target?: string; value?: string }
  }
  if (dataType !== 'edge') {
    const attack = run.nodes.find((node) => node.name === name)?.attack
    return `${escapeText(name)}${attack == null ? ', honest' : `, attacks: ${escapeText(attack)}`}`
  }
  const nameOf = (index: string | undefined): string => escapeText(run.nodes[Number(index)]?.name ?? '')
  return `model of ${nameOf(data.source)} at ${nameOf(data.target)}<br><b>${MARKS[data.value ?? ''] ?? 'not reported'}</b>`
}

function describe(edges: readonly EdgeView[], at: number): string {
  const count = (mark: string): number => edges.filter((edge) => edge.marks[at] === mark).length
  return `${count('a')} models accepted, ${count('r')} refused, ${count('-')} missing`
}
