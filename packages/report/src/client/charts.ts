import type { ECharts, EChartsOption } from 'echarts'

/** The plotting library, inlined before this script. */
declare const echarts: typeof import('echarts')

/** Pixels above and below the plots of charts over rounds. */
export const PLOT_TOP = 34
export const PLOT_BOTTOM = 46

/** Width of the page on paper, in pixels. */
const PAPER_WIDTH = 720

/** Colours of the page, from its style sheet; they follow the colour scheme. */
export interface Palette {
  readonly ink: string
  readonly soft: string
  readonly line: string
  readonly card: string
  readonly honest: string
  readonly byzantine: string
  readonly good: string
  readonly bad: string
  readonly pale: string
  readonly third: string
  readonly empty: string
}

export type BuildOption = (colors: Palette) => EChartsOption

/** One of the series of an option, of any kind. */
export type Series = Extract<NonNullable<EChartsOption['series']>, readonly unknown[]>[number]

interface LiveChart {
  readonly chart: ECharts
  build: BuildOption
  /** Shown in the middle, where there is nothing to draw. */
  empty: string | null
}

let empty: string | null = null

/** What the charts that are drawn from now on say instead of showing data; null where they have some. */
export function setEmpty(text: string | null): void {
  empty = text
}

const live = new Map<string, LiveChart>()

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement)
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    ink: of('ink'),
    soft: of('soft'),
    line: of('line'),
    card: of('card'),
    honest: of('honest'),
    byzantine: of('byzantine'),
    good: of('good'),
    bad: of('bad'),
    pale: of('pale'),
    third: of('third'),
    empty: of('empty'),
  }
}

/**
 * Draws a chart into the element `chart-<id>`, or redraws it; undefined when the page has no such element. Uses SVG,
 * which prints sharply, unless there is too much to draw.
 */
export function drawChart(id: string, label: string, build: BuildOption, heavy = false): ECharts | undefined {
  const element = document.getElementById(`chart-${id}`)
  if (element === null) return undefined
  element.setAttribute('role', 'img')
  const renderer = heavy ? 'canvas' : 'svg'
  let entry = live.get(id)
  if (entry !== undefined && element.dataset.renderer !== renderer) {
    entry.chart.dispose()
    entry = undefined
  }
  if (entry === undefined) {
    element.dataset.renderer = renderer
    entry = { chart: echarts.init(element, null, { renderer }), build, empty }
    live.set(id, entry)
  }
  entry.build = build
  entry.empty = empty
  element.setAttribute('aria-label', empty === null ? label : `${label}: ${empty}`)
  entry.chart.setOption(common(entry), { notMerge: true })
  return entry.chart
}

/** Redraws all charts with the current colours. */
export function redrawAll(): void {
  for (const entry of live.values()) entry.chart.setOption(common(entry), { notMerge: true })
}

/** Sets a chart's height in pixels, before it is drawn. */
export function setHeight(id: string, wanted: number, most = Number.POSITIVE_INFINITY): void {
  const pixels = Math.min(wanted, most)
  const element = document.getElementById(`chart-${id}`)
  if (element === null) return
  element.style.height = `${pixels}px`
  live.get(id)?.chart.resize()
}

/** Height in pixels of a chart's plot, without the margins of `plotGrid`. */
export function plotHeight(id: string): number {
  return (document.getElementById(`chart-${id}`)?.clientHeight ?? 0) - PLOT_TOP - PLOT_BOTTOM
}

/** Keeps charts at the size of their elements and in the colours of the scheme; on paper in light colours. */
export function keepUp(): void {
  const observer = new ResizeObserver(() => {
    for (const { chart } of live.values()) chart.resize()
  })
  for (const element of document.querySelectorAll('.chart')) observer.observe(element)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll)
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.theme = 'light'
    document.body.style.width = `${PAPER_WIDTH}px`
    fit()
  })
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset.theme
    document.body.style.width = ''
    fit()
  })
}

function fit(): void {
  for (const { chart } of live.values()) chart.resize()
  redrawAll()
}

/** The options that all charts share, overridden by those of the chart. */
function common({ build, empty: text }: LiveChart): EChartsOption {
  const colors = palette()
  return {
    // No animation, so that a print or screenshot never shows a half-drawn chart.
    animation: false,
    ...(text === null ? {} : { title: emptyTitle(text, colors) }),
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colors.ink },
    ...build(colors),
  }
}

function emptyTitle(text: string, colors: Palette): NonNullable<EChartsOption['title']> {
  return {
    text: `No data: ${text}`,
    left: 'center',
    top: 'middle',
    textStyle: { color: colors.soft, fontSize: 14, fontWeight: 400 },
  }
}

/** Text for a tooltip, which is HTML. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

export function percentText(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`
}

export function setNote(id: string, text: string): void {
  const element = document.getElementById(`note-${id}`)
  if (element !== null) element.textContent = text
}

export function shortNumber(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : String(Number(value.toPrecision(3)))
}
