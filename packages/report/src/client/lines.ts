import {
  legendHeight,
  legendLook,
  numberAxis,
  plainLegend,
  plotGrid,
  roundAxis,
  shareAxis,
  tooltipLook,
} from './axes.js'
import { drawChart, type Palette, percentText, shortNumber } from './charts.js'
import type { PhaseName, PointView, RunView } from './report-data.js'
import { namesWithSame, OVER_ANOTHER, sameLines } from './same-lines.js'
import { isSampled } from './sampling.js'

/** The small charts over rounds. */

type PaletteName = keyof Palette

interface LineView {
  readonly name: string
  readonly color: PaletteName
  readonly dash?: 'solid' | 'dashed' | 'dotted'
  readonly value: (point: PointView, k: number) => number | null
}

/** The charts of the table of measures. */
export function drawPanels(run: RunView): void {
  for (const { id, title, unit, lines } of run.panels) {
    const text = unit === 'share' ? percentText : shortNumber
    drawLines(
      id,
      `${title} over rounds`,
      run,
      text,
      lines.map(({ name, color, dash, values }) => ({
        name,
        color,
        dash,
        value: (_, k) => values[k] ?? null,
      })),
    )
  }
}

export function drawBytes(run: RunView): void {
  drawLines('bytes', 'Bytes received and sent over rounds', run, bytesText, [
    { name: 'received', color: 'honest', value: (point) => point.bytesReceived },
    { name: 'sent', color: 'third', dash: 'dashed', value: (point) => point.bytesSent },
  ])
}

export function drawMemory(run: RunView): void {
  drawLines('memory', 'Resident memory per node over rounds', run, bytesText, [
    { name: 'resident memory', color: 'honest', value: (point) => point.residentBytes },
  ])
}

function drawLines(
  id: string,
  label: string,
  run: RunView,
  text: (value: number | null | undefined) => string,
  lines: readonly LineView[],
): void {
  const series = lines.map(({ value }) => run.points.map((point, k) => value(point, k)))
  const same = sameLines(series)
  const names = namesWithSame(
    lines.map(({ name }) => name),
    series,
  )
  const extra = legendHeight(names, document.getElementById(`chart-${id}`)?.clientWidth ?? 600)
  drawChart(id, label, (colors) => ({
    grid: plotGrid(24, extra),
    legend: plainLegend(colors),
    tooltip: {
      trigger: 'axis',
      ...tooltipLook(colors),
      valueFormatter: (value) => text(value as number | null),
    },
    xAxis: roundAxis(run.rounds, colors),
    yAxis: text === percentText ? shareAxis(colors) : numberAxis(colors, text),
    series: lines.map(({ color, dash }, at) => ({
      type: 'line',
      name: names[at]!,
      data: series[at]!,
      // Rounds between evaluations are bridged; rounds that are missing are not.
      connectNulls: isSampled(series[at]!),
      showSymbol: run.rounds.length <= 30,
      symbolSize: 6,
      lineStyle: {
        color: colors[color],
        width: 2.4,
        type: same[at] === null ? (dash ?? 'solid') : OVER_ANOTHER,
      },
      itemStyle: { color: colors[color] },
    })),
  }))
}

const PHASES: readonly { name: PhaseName; label: string; color: PaletteName }[] = [
  { name: 'train', label: 'train', color: 'honest' },
  { name: 'publish', label: 'publish', color: 'pale' },
  { name: 'collect', label: 'collect', color: 'empty' },
  { name: 'aggregate', label: 'filter and aggregate', color: 'byzantine' },
  { name: 'evaluate', label: 'evaluate', color: 'third' },
  { name: 'ledger', label: 'ledger', color: 'good' },
]

/** Stacked seconds of a round by phase. */
export function drawEffort(run: RunView): void {
  drawChart('effort', 'Seconds of a round by phase', (colors) => ({
    grid: { ...(plotGrid() as object), top: 64 },
    legend: { ...legendLook(colors), type: 'plain', icon: 'roundRect', itemHeight: 10, itemWidth: 14 },
    tooltip: {
      trigger: 'axis',
      ...tooltipLook(colors),
      valueFormatter: (value) => `${Number(value).toFixed(3)} s`,
    },
    aria: { enabled: true, decal: { show: false } },
    xAxis: { ...(roundAxis(run.rounds, colors) as object), boundaryGap: true },
    yAxis: numberAxis(colors, (value) => `${value} s`),
    series: PHASES.map(({ name, label, color }) => ({
      type: 'bar',
      name: label,
      stack: 'seconds',
      barCategoryGap: '25%',
      data: run.points.map((point) => point.seconds?.[name] ?? null),
      itemStyle: { color: colors[color], borderColor: colors.soft, borderWidth: color === 'empty' ? 0.5 : 0 },
    })),
  }))
}

function bytesText(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  if (value >= 1e9) return `${Number((value / 1e9).toPrecision(3))} GB`
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} MB`
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(3))} kB` : `${value} B`
}
