import { legendLook, plotGrid, roundAxis, shareAxis, tooltipLook } from './axes.js'
import { drawChart, type Palette, percentText, plotHeight, type Series } from './charts.js'
import { spreadLabels } from './end-labels.js'
import type { VariantView } from './report-data.js'

/** Worst honest node by round, one line per variant, with a band from the lowest to the highest seed. */
export function drawComparison(variants: readonly VariantView[]): void {
  if (variants.length < 2) return
  const last = Math.max(...variants.map((variant) => variant.worstByRound.length))
  const rounds = Array.from({ length: last }, (_, k) => k + 1)
  const ends = variants.map(
    (variant) => variant.worstByRound.findLast((point) => point !== null)?.mean ?? null,
  )
  drawChart('comparison', 'Accuracy of the worst honest node by round, one line per variant', (colors) => ({
    grid: plotGrid(64),
    legend: { ...legendLook(colors), data: variants.map((variant) => variant.label) },
    tooltip: {
      trigger: 'axis',
      ...tooltipLook(colors),
      valueFormatter: (value) => percentText(value as number),
    },
    xAxis: roundAxis(rounds, colors),
    yAxis: shareAxis(colors),
    series: variants.flatMap((variant, k) =>
      seriesOf(variant, k, spreadLabels(ends, plotHeight('comparison'))[k] ?? 0, rounds, colors),
    ),
  }))
}

function seriesOf(
  variant: VariantView,
  k: number,
  shift: number,
  rounds: readonly number[],
  colors: Palette,
): Series[] {
  const color = variant.isAttacked
    ? variant.defended
      ? [colors.honest, colors.good, colors.bad][k % 3]!
      : colors.byzantine
    : variant.defended
      ? colors.third
      : colors.soft
  const points = rounds.map((_, at) => variant.worstByRound[at] ?? null)
  const band: Series[] = variant.runs.length < 2 ? [] : bandOf(variant.label, points, color)
  return [
    ...band,
    {
      type: 'line',
      name: variant.label,
      data: points.map((point) => point?.mean ?? null),
      connectNulls: true,
      showSymbol: rounds.length === 1,
      lineStyle: { color, width: variant.isAttacked ? 3 : 2, type: variant.isAttacked ? 'solid' : 'dotted' },
      itemStyle: { color },
      emphasis: { focus: 'series' },
      endLabel: {
        show: true,
        color,
        fontWeight: 600,
        offset: [0, shift],
        formatter: (item) => percentText(item.value as number),
      },
    },
  ]
}

function bandOf(
  label: string,
  points: readonly ({ low: number; high: number } | null)[],
  color: string,
): Series[] {
  const hidden = { type: 'line', stack: label, silent: true, symbol: 'none', connectNulls: true } as const
  const quiet = { lineStyle: { opacity: 0 }, tooltip: { show: false } } as const
  return [
    { ...hidden, ...quiet, name: `${label} low`, data: points.map((point) => point?.low ?? null) },
    {
      ...hidden,
      ...quiet,
      name: `${label} high`,
      data: points.map((point) => (point === null ? null : point.high - point.low)),
      areaStyle: { color, opacity: 0.16 },
    },
  ]
}
