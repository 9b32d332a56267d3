import { tooltipLook } from './axes.js'
import { drawChart, escapeText, setHeight, setNote } from './charts.js'
import type { RunView } from './report-data.js'

/** Pixels that a cell needs for its number. */
const TEXT_WIDTH = 36
/** Height of a row and of the margins around the plot, in pixels. */
const ROW_HEIGHT = 19
const AROUND = 66
const LEFT = 54
const RIGHT = 14

/** Heat map of the label histogram: a column per node, a row per class. */
export function drawLabels(run: RunView): void {
  const columns = run.labels?.columns ?? []
  const classes = Math.max(0, ...columns.map(({ counts }) => counts.length))
  const most = Math.max(1, ...columns.flatMap(({ counts }) => counts))
  const nodes = columns.map(({ node }) => run.nodes[node])
  const names = nodes.map((node) => node?.name ?? '')
  setNote('labels', noteOf(run))
  setHeight('labels', AROUND + ROW_HEIGHT * Math.max(classes, 2))
  const hasText = (): boolean => {
    const width = (document.getElementById('chart-labels')?.clientWidth ?? 0) - LEFT - RIGHT
    return width >= TEXT_WIDTH * columns.length
  }
  drawChart('labels', 'Heat map of training samples by node and class', (colors) => ({
    grid: { left: LEFT, right: RIGHT, top: 8, bottom: AROUND - 8 },
    tooltip: {
      ...tooltipLook(colors),
      formatter: (item) => {
        const [column, label, count] = (item as unknown as { value: [number, number, number] }).value
        const { counts = [] } = columns[column] ?? {}
        const all = counts.reduce((sum, one) => sum + one, 0)
        return `${escapeText(names[column] ?? '')}, class ${label}<br><b>${count}</b> of its ${all} samples`
      },
    },
    visualMap: {
      type: 'continuous',
      show: false,
      dimension: 2,
      min: 0,
      max: most,
      inRange: { color: [colors.empty, colors.pale, colors.honest] },
    },
    xAxis: {
      type: 'category',
      data: names,
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: {
        fontSize: 10.5,
        rotate: 55,
        hideOverlap: true,
        color: (_name, column) => (nodes[column ?? 0]?.attack == null ? colors.soft : colors.byzantine),
      },
    },
    yAxis: {
      type: 'category',
      name: 'class',
      nameLocation: 'middle',
      nameGap: 30,
      nameTextStyle: { color: colors.soft },
      inverse: true,
      data: Array.from({ length: classes }, (_, label) => String(label)),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: colors.soft, hideOverlap: true },
    },
    series: [
      {
        type: 'heatmap',
        data: columns.flatMap(({ counts }, column) =>
          counts.map((count, label) => ({
            value: [column, label, count],
            // The upper end of the scale is dark on a light page and bright on a dark one.
            label: { color: count > 0.65 * most ? colors.card : colors.ink },
          })),
        ),
        label: { show: hasText(), fontSize: 10.5 },
        itemStyle: { borderColor: colors.card, borderWidth: columns.length > 60 ? 0.5 : 1 },
        emphasis: { itemStyle: { borderColor: colors.ink, borderWidth: 1.5 } },
        progressive: 0,
      },
    ],
  }))
}

function noteOf({ labels, nodes }: RunView): string {
  if (labels === null) return 'This run has no data.json.'
  const shown = labels.columns.length
  return shown < nodes.length ? `${shown} of ${nodes.length} nodes are shown.` : ''
}
