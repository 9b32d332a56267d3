import { legendHeight, plainLegend, plotGrid, roundAxis, tooltipLook } from './axes.js'
import { drawChart, type Palette, plotHeight, type Series, setNote } from './charts.js'
import { spreadLabels } from './end-labels.js'
import { metricAxis, metricText, metricTitle, onAxis } from './metric.js'
import type { MetricView, VariantView } from './report-data.js'
import { namesWithSame, OVER_ANOTHER, sameLines } from './same-lines.js'

/** Room for a name and a share at the end of a line, pixels. */
const END_LABEL_WIDTH = 240

/** Worst honest node by round, one line per variant, with a band from the lowest to the highest seed. */
export function drawComparison(variants: readonly VariantView[]): void {
  if (variants.length < 2) return
  const last = Math.max(...variants.map((variant) => variant.worstByRound.length))
  const rounds = Array.from({ length: last }, (_, k) => k + 1)
  const ends = variants.map(
    (variant) => variant.worstByRound.findLast((point) => point !== null)?.mean ?? null,
  )
  const width = document.getElementById('chart-comparison')?.clientWidth ?? 1000
  const isNarrow = width < 720
  const means = variants.map(({ worstByRound }) => rounds.map((_, at) => worstByRound[at]?.mean ?? null))
  const same = sameLines(means)
  const names = namesWithSame(
    variants.map((variant) => variant.label),
    means,
  )
  const without = last === 0 ? [] : variants.filter(({ worstByRound }) => worstByRound.length === 0)
  setNote(
    'comparison',
    without
      .map(({ label, runs }) => `No line for ${label}: ${runs[0]?.empty ?? 'nothing was measured'}.`)
      .join(' '),
  )
  const extra = legendHeight(names, width)
  const metric = variants[0]?.runs[0]?.metric ?? { label: 'accuracy', isShare: true, isHigherBetter: true }
  const shifts = spreadLabels(onAxis(metric, ends), plotHeight('comparison') - extra)
  const rules = [...new Set(variants.filter(({ defended }) => defended).map(({ rule }) => rule))]
  const title = `${metricTitle(metric)} of the worst honest node by round, one line per variant`
  drawChart('comparison', title, (colors) => ({
    grid: plotGrid(isNarrow ? 64 : END_LABEL_WIDTH, extra),
    legend: { ...plainLegend(colors), data: names },
    tooltip: {
      trigger: 'axis',
      ...tooltipLook(colors),
      valueFormatter: (value) => metricText(metric, value as number),
    },
    xAxis: roundAxis(rounds, colors),
    yAxis: metricAxis(metric, colors),
    series: variants.flatMap((variant, k) =>
      seriesOf(variant, rounds, {
        color: colorOf(variant, rules.indexOf(variant.rule), colors),
        shift: shifts[k] ?? 0,
        isNamed: !isNarrow,
        name: names[k]!,
        isOverAnother: same[k] !== null,
        metric,
      }),
    ),
  }))
}

/**
 * A rule has one colour, with and without attackers; plain averaging is red under attack and grey without. Lines
 * without attackers are dotted.
 */
function colorOf(variant: VariantView, rule: number, colors: Palette): string {
  if (!variant.defended) return variant.isAttacked ? colors.byzantine : colors.soft
  return [colors.honest, colors.good, colors.third, colors.bad, colors.ink, colors.pale][rule % 6]!
}

interface LineStyle {
  readonly color: string
  /** Vertical offset of the label, pixels. */
  readonly shift: number
  /** Whether the label at the end has the name of the variant. */
  readonly isNamed: boolean
  /** In the legend. */
  readonly name: string
  /** Whether another line lies exactly under it. */
  readonly isOverAnother: boolean
  readonly metric: MetricView
}

function seriesOf(
  variant: VariantView,
  rounds: readonly number[],
  { color, shift, isNamed, name, isOverAnother, metric }: LineStyle,
): Series[] {
  const points = rounds.map((_, at) => variant.worstByRound[at] ?? null)
  const band: Series[] = variant.runs.length < 2 ? [] : bandOf(variant.label, points, color)
  return [
    ...band,
    {
      type: 'line',
      name,
      data: points.map((point) => point?.mean ?? null),
      connectNulls: true,
      showSymbol: rounds.length === 1,
      lineStyle: {
        color,
        width: variant.isAttacked ? 3 : 2,
        type: isOverAnother ? OVER_ANOTHER : variant.isAttacked ? 'solid' : 'dotted',
      },
      itemStyle: { color },
      emphasis: { focus: 'series' },
      endLabel: {
        show: true,
        color,
        fontWeight: 600,
        offset: [0, shift],
        width: isNamed ? END_LABEL_WIDTH - 12 : 60,
        overflow: 'truncate',
        formatter: (item) => {
          const share = metricText(metric, item.value as number)
          return isNamed ? `${share} ${variant.label}` : share
        },
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
