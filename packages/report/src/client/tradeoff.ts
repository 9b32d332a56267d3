import { tooltipLook } from './axes.js'
import { drawChart, escapeText, type Series, setHeight } from './charts.js'
import type { FigureView, TradeoffView } from './report-data.js'

const isDifference = ({ scale }: FigureView): boolean => scale === 'points'

interface Bar extends FigureView {
  readonly name: string
  readonly kind: 'benefit' | 'cost'
}

/**
 * Benefits and costs of the rules as bars on an axis of percentage points, with whiskers for the intervals. Shares of a
 * whole are not differences: they are in the table, not on this axis.
 */
export function drawBalance(balances: readonly TradeoffView[]): void {
  const bars = balances.flatMap((balance): Bar[] => {
    const prefix = balances.length > 1 ? `${balance.rule}: ` : ''
    return [
      ...balance.benefits.filter(isDifference).map((figure) => ({
        ...figure,
        kind: 'benefit' as const,
        name: prefix + figure.label,
      })),
      ...balance.costs
        .filter(isDifference)
        .map((figure) => ({ ...figure, kind: 'cost' as const, name: prefix + figure.label })),
    ]
  })
  if (bars.length === 0) {
    document.getElementById('chart-balance')?.setAttribute('hidden', '')
    return
  }
  bars.reverse()
  const width = document.getElementById('chart-balance')?.clientWidth ?? 1000
  const isNarrow = width < 640
  setHeight('balance', 80 + (isNarrow ? 54 : 38) * bars.length)
  drawChart('balance', 'Benefit and cost of the defence in percentage points', (colors) => ({
    grid: { left: 8, right: isNarrow ? 16 : 70, top: 30, bottom: 30, containLabel: true },
    legend: {
      top: 0,
      left: 0,
      icon: 'roundRect',
      textStyle: { color: colors.soft },
      data: ['benefit', 'cost'],
    },
    tooltip: {
      ...tooltipLook(colors),
      formatter: (item) => barText(bars[(item as { dataIndex: number }).dataIndex]),
    },
    xAxis: {
      type: 'value',
      axisLabel: { color: colors.soft, formatter: (value: number) => `${Math.round(100 * value)}` },
      splitLine: { lineStyle: { color: colors.line } },
      splitNumber: isNarrow ? 3 : 6,
      name: isNarrow ? '' : 'points',
      nameTextStyle: { color: colors.soft },
    },
    yAxis: {
      type: 'category',
      data: bars.map((bar) => bar.name),
      axisLine: { lineStyle: { color: colors.line } },
      axisTick: { show: false },
      axisLabel: {
        color: colors.ink,
        width: isNarrow ? 0.42 * width : 300,
        lineHeight: 14,
        overflow: 'break',
      },
    },
    series: [
      barSeries('benefit', bars, colors.good, colors.byzantine),
      barSeries('cost', bars, colors.byzantine, colors.good),
      whiskers(bars, colors.ink),
    ],
  }))
}

/** A benefit below zero is a loss and has the colour of costs; a cost below zero is a gain. */
function barSeries(kind: Bar['kind'], bars: readonly Bar[], color: string, below: string): Series {
  return {
    type: 'bar',
    name: kind,
    barWidth: 16,
    barGap: '-100%',
    itemStyle: { color, borderRadius: 3 },
    data: bars.map((bar) =>
      bar.kind === kind
        ? { value: bar.value.mean, itemStyle: { color: bar.value.mean < 0 ? below : color } }
        : null,
    ),
  }
}

function whiskers(bars: readonly Bar[], color: string): Series {
  return {
    type: 'custom',
    name: 'interval',
    silent: true,
    z: 5,
    data: bars.flatMap(({ value }, k) =>
      value.low === null || value.high === null ? [] : [[value.low, k, value.high]],
    ),
    renderItem: (_, api) => {
      const [x1 = 0, y = 0] = api.coord([api.value(0), api.value(1)])
      const [x2 = 0] = api.coord([api.value(2), api.value(1)])
      const line = (a: number, b: number, c: number, d: number) => ({
        type: 'line' as const,
        shape: { x1: a, y1: b, x2: c, y2: d },
        style: { stroke: color, lineWidth: 1.5 },
      })
      return {
        type: 'group',
        children: [line(x1, y, x2, y), line(x1, y - 5, x1, y + 5), line(x2, y - 5, x2, y + 5)],
      }
    },
  }
}

function barText(bar: Bar | undefined): string {
  if (bar === undefined) return ''
  const { mean, low, high } = bar.value
  const points = (value: number): string => `${(100 * value).toFixed(1)}`
  const interval = low === null || high === null ? '' : ` [${points(low)}, ${points(high)}]`
  return `${bar.kind}: ${escapeText(bar.name)}<br><b>${points(mean)} points</b>${interval}`
}
