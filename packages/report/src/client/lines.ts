import { legendLook, numberAxis, plotGrid, roundAxis, shareAxis, tooltipLook } from './axes.js'
import { drawChart, type Palette, percentText } from './charts.js'
import type { PhaseName, PointView, RunView } from './report-data.js'

/** The smaller charts over rounds. */

type PaletteName = keyof Palette

interface LineView {
  readonly name: string
  readonly color: PaletteName
  readonly dash?: 'solid' | 'dashed' | 'dotted'
  readonly value: (point: PointView) => number | null
}

export function drawFilter(run: RunView): void {
  drawLines(
    'filter',
    'Precision, recall, honest models refused and weight of attackers over rounds',
    run,
    percentText,
    [
      { name: 'recall', color: 'honest', value: (point) => point.recall },
      { name: 'precision', color: 'good', dash: 'dashed', value: (point) => point.precision },
      { name: 'honest refused', color: 'bad', dash: 'dotted', value: (point) => point.honestRefused },
      { name: 'weight of attackers', color: 'hostile', value: (point) => point.hostileWeight },
    ],
  )
}

export function drawAttackSuccess(run: RunView): void {
  drawLines('asr', 'Attack success rate over rounds', run, percentText, [
    { name: 'attack success', color: 'hostile', value: (point) => point.asr },
  ])
}

export function drawConsensus(run: RunView): void {
  drawLines('consensus', 'Consensus distance over rounds', run, shortNumber, [
    { name: 'consensus distance', color: 'third', value: (point) => point.consensusDistance },
  ])
}

export function drawBytes(run: RunView): void {
  drawLines('bytes', 'Bytes received and sent over rounds', run, bytesText, [
    { name: 'received', color: 'honest', value: (point) => point.bytesReceived },
    { name: 'sent', color: 'third', dash: 'dashed', value: (point) => point.bytesSent },
  ])
}

export function drawMemory(run: RunView): void {
  drawLines('memory', 'Resident memory a node over rounds', run, bytesText, [
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
  drawChart(id, label, (colors) => ({
    grid: plotGrid(),
    legend: legendLook(colors),
    tooltip: {
      trigger: 'axis',
      ...tooltipLook(colors),
      valueFormatter: (value) => text(value as number | null),
    },
    xAxis: roundAxis(run.rounds, colors),
    yAxis: text === percentText ? shareAxis(colors) : numberAxis(colors, text),
    series: lines.map(({ name, color, dash, value }) => ({
      type: 'line',
      name,
      data: run.points.map(value),
      connectNulls: true,
      showSymbol: run.rounds.length <= 30,
      symbolSize: 6,
      lineStyle: { color: colors[color], width: 2.4, type: dash ?? 'solid' },
      itemStyle: { color: colors[color] },
    })),
  }))
}

const PHASES: readonly { name: PhaseName; label: string; color: PaletteName }[] = [
  { name: 'train', label: 'train', color: 'honest' },
  { name: 'publish', label: 'publish', color: 'pale' },
  { name: 'collect', label: 'collect', color: 'empty' },
  { name: 'aggregate', label: 'filter and aggregate', color: 'hostile' },
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

function shortNumber(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : String(Number(value.toPrecision(3)))
}
