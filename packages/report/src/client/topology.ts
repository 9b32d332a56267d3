import { attacksIn } from './attack-rounds.js'
import { tooltipLook } from './axes.js'
import { drawChart, escapeText, type Palette, type Series, setHeight, setNote } from './charts.js'
import { metricText } from './metric.js'
import type { EdgeView, RunView } from './report-data.js'

const MARKS: Readonly<Record<string, string>> = { a: 'accepted', r: 'rejected', '-': 'nothing arrived' }

/** Above this many edges, arrowheads would overlap. */
const MANY_EDGES = 240

/** The network in the round at position `at` of the run's rounds: which node accepted which model. */
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
  // As high as the heat map next to it, but not much higher than wide.
  const width = document.getElementById('chart-topology')?.clientWidth ?? 460
  setHeight('topology', document.getElementById('chart-verdicts')?.clientHeight ?? 460, width + 60)
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
          preserveAspect: 'contain',
          left: 84,
          right: 84,
          top: 64,
          bottom: 64,
          data: run.nodes.map((node, k) => pointOf(run, node, k, at, colors)),
          edges: edges.map((edge) => lineOf(run, edge, at, many, colors)),
          edgeSymbol: ['none', many ? 'none' : 'arrow'],
          edgeSymbolSize: 8,
          emphasis: { focus: 'adjacency', lineStyle: { width: 3 } },
        },
      ],
    }),
    edges.length > 800,
  )
}

type Graph = Extract<Series, { type?: 'graph' }>
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
  const isByzantine = node.attack !== null
  const few = run.nodes.length <= MAX_NAMES
  const color = isByzantine ? colors.byzantine : colors.honest
  return {
    id: String(index),
    name: node.name,
    x: 1000 * Math.cos(angle),
    y: 1000 * Math.sin(angle),
    symbol: isByzantine ? 'diamond' : 'circle',
    symbolSize: (isByzantine ? 1.35 : 1) * (few ? 22 : run.nodes.length <= 80 ? 12 : 7),
    itemStyle: { color, borderColor: colors.card, borderWidth: 2 },
    label: {
      show: few,
      position: [...labelPlace(angle)],
      color,
      fontSize: 12,
      lineHeight: 15,
      align: Math.abs(Math.cos(angle)) < 0.2 ? 'center' : Math.cos(angle) > 0 ? 'left' : 'right',
      verticalAlign: 'middle',
      formatter: isByzantine
        ? node.name
        : `${node.name}\n${metricText(run.metric, metricOfNode(run, index, at))}`,
    },
  }
}

const MAX_NAMES = 40

/** Outside the circle, in per cent of the symbol. */
function labelPlace(angle: number): [string, string] {
  return [`${50 + 85 * Math.cos(angle)}%`, `${50 + 125 * Math.sin(angle)}%`]
}

/** In the colours of the heat map next to it. Verdicts of attackers do not matter and stay faint. */
function lineOf(run: RunView, edge: EdgeView, at: number, many: boolean, colors: Palette): GraphEdge {
  const mark = edge.marks[at] ?? ' '
  const isByzantine = attacksIn(run, edge.from, run.rounds[at]!)
  const judged = run.nodes[edge.to]?.attack == null
  const accepted = mark === 'a'
  const silent = !judged || (mark !== 'a' && mark !== 'r')
  const mistake = accepted === isByzantine
  const right = isByzantine ? colors.honest : colors.pale
  const wrong = isByzantine ? colors.byzantine : colors.bad
  return {
    source: String(edge.from),
    target: String(edge.to),
    value: mark,
    lineStyle: {
      color: silent ? colors.line : mistake ? wrong : right,
      type: accepted || silent ? 'solid' : [5, 4],
      width: silent ? 1 : (isByzantine ? 2.4 : 1.8) * (many ? 0.5 : 1),
      opacity: silent ? 0.7 : many ? 0.6 : 1,
      curveness: 0.12,
    },
    z: isByzantine || mistake ? 2 : 1,
  } as unknown as GraphEdge
}

function metricOfNode(run: RunView, index: number, at: number): number | null {
  return run.values.kind === 'nodes' ? (run.values.values[index]?.[at] ?? null) : null
}

function tooltipText(item: unknown, run: RunView): string {
  const { dataType, data, name } = item as {
    dataType?: string
    name: string
    data: { source?: string; target?: string; value?: string }
  }
  if (dataType !== 'edge') {
    const node = run.nodes.find((one) => one.name === name)
    if (node?.attack == null) return `${escapeText(name)}, honest`
    const [from, to] = node.attackRounds!
    return `${escapeText(name)}, attacks: ${escapeText(node.attack)}, rounds ${from} to ${to}`
  }
  const nameOf = (index: string | undefined): string => escapeText(run.nodes[Number(index)]?.name ?? '')
  return `model of ${nameOf(data.source)} at ${nameOf(data.target)}<br><b>${MARKS[data.value ?? ''] ?? 'not reported'}</b>`
}

function describe(edges: readonly EdgeView[], at: number): string {
  const count = (mark: string): number => edges.filter((edge) => edge.marks[at] === mark).length
  return `${count('a')} models accepted, ${count('r')} rejected, ${count('-')} missing`
}
