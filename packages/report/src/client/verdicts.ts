import { attacksIn } from './attack-rounds.js'
import { roundAxis, tooltipLook } from './axes.js'
import { drawChart, escapeText, setHeight, setNote } from './charts.js'
import type { EdgeView, RunView } from './report-data.js'

/** Largest number of rows of the heat map that remain visible. */
const MAX_ROWS = 120

/** Cells above which a canvas is faster than an SVG. */
const MANY_CELLS = 4000

/** Outcomes for a model; the index is the value of a cell. */
const OUTCOMES = [
  'attacker rejected',
  'attacker accepted',
  'honest accepted',
  'honest rejected',
  'nothing arrived',
] as const

/** Heat map of the verdicts of honest nodes: rows judge → neighbour, columns rounds. */
export function drawVerdicts(run: RunView): void {
  const isByzantine = (index: number): boolean => run.nodes[index]?.attack != null
  const judged = run.verdicts.edges.filter((edge) => !isByzantine(edge.to))
  const fromHonest = pick(
    judged.filter((edge) => !isByzantine(edge.from)),
    MAX_ROWS,
  )
  const fromByzantine = pick(
    judged.filter((edge) => isByzantine(edge.from)),
    MAX_ROWS / 2,
  )
  // The category axis begins at the bottom, so attackers come last to be on top.
  const rows = [...fromHonest.slice(0, MAX_ROWS - fromByzantine.length), ...fromByzantine]
  const notes = [
    ...(run.weighsAll
      ? [
          'This rule weighs or trims models instead of rejecting some, so an accepted model may have little influence. The weight of the attackers is shown below.',
        ]
      : []),
    ...(rows.length < judged.length || !run.verdicts.complete
      ? [`${rows.length} rows of ${run.verdicts.total} edges are shown.`]
      : []),
  ]
  setNote('verdicts', notes.join(' '))
  const names = rows.map((edge) => `${run.nodes[edge.to]?.name} ← ${run.nodes[edge.from]?.name}`)
  const cells = rows.flatMap((edge, row) =>
    [...edge.marks].flatMap((mark, column) => {
      const outcome = outcomeOf(mark, attacksIn(run, edge.from, run.rounds[column]!))
      return outcome === undefined ? [] : [[column, row, outcome]]
    }),
  )
  setHeight('verdicts', Math.max(300, Math.min(900, 90 + 13 * rows.length)))
  drawChart(
    'verdicts',
    'Heat map of verdicts by neighbour and round',
    (colors) => ({
      grid: { left: 128, right: 14, top: 8, bottom: 46 },
      tooltip: {
        ...tooltipLook(colors),
        formatter: (item) => {
          const [column, row, outcome] = (item as unknown as { value: [number, number, number] }).value
          return `round ${run.rounds[column]}<br>${escapeText(names[row] ?? '')}<br><b>${OUTCOMES[outcome]}</b>`
        },
      },
      visualMap: {
        type: 'piecewise',
        show: false,
        dimension: 2,
        pieces: [colors.honest, colors.byzantine, colors.pale, colors.bad, colors.empty].map(
          (color, value) => ({
            value,
            color,
          }),
        ),
      },
      xAxis: { ...(roundAxis(run.rounds, colors) as object), boundaryGap: true, splitArea: { show: false } },
      yAxis: {
        type: 'category',
        data: names,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: colors.soft, fontSize: 10.5, hideOverlap: true },
      },
      series: [
        {
          type: 'heatmap',
          data: cells,
          itemStyle: { borderColor: colors.card, borderWidth: rows.length > 60 ? 0.5 : 1 },
          emphasis: { itemStyle: { borderColor: colors.ink, borderWidth: 1.5 } },
          progressive: 0,
        },
      ],
    }),
    cells.length > MANY_CELLS,
  )
}

function outcomeOf(mark: string, isByzantine: boolean): number | undefined {
  if (mark === 'r') return isByzantine ? 0 : 3
  if (mark === 'a') return isByzantine ? 1 : 2
  return mark === '-' ? 4 : undefined
}

/** Edges by judge, then by neighbour; evenly thinned out above `limit`. */
function pick(edges: readonly EdgeView[], limit: number): EdgeView[] {
  const sorted = [...edges].sort((a, b) => b.to - a.to || b.from - a.from)
  if (sorted.length <= limit) return sorted
  return Array.from({ length: limit }, (_, k) => sorted[Math.floor((k * sorted.length) / limit)]!)
}
