import type { ECharts, EChartsOption } from 'echarts'

/** The plotting library, inlined before this script. */
declare const echarts: typeof import('echarts')

/** Pixels above and below the plots of charts over rounds. */
export const PLOT_TOP = 34
export const PLOT_BOTTOM = 46

/** Width in pixels that a sheet of paper has for the page. */
const PAPER_WIDTH = 720

/** Colours of the page, from its style sheet; they follow the colour scheme. */
export interface Palette {
  readonly ink: string
  readonly soft: string
  readonly line: string
  readonly card: string
  readonly honest: string
  readonly hostile: string
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
    hostile: of('hostile'),
    good: of('good'),
    bad: of('bad'),
    pale: of('pale'),
    third: of('third'),
    empty: of('empty'),
  }
}

/**
 * Draws a chart into the element `chart-<id>`, or draws it anew; undefined when the page has no such element.
 * SVG, which prints sharply, unless there is too much to draw.
 */
export function drawChart(id: string, label: string, build: BuildOption, heavy = false): ECharts | undefined {
  const element = document.getElementById(`chart-${id}`)
  if (element === null) return undefined
  element.setAttribute('role', 'img')
  element.setAttribute('aria-label', label)
  const renderer = heavy ? 'canvas' : 'svg'
  let entry = live.get(id)
  if (entry !== undefined && element.dataset.renderer !== renderer) {
    entry.chart.dispose()
    entry = undefined
  }
  if (entry === undefined) {
    element.dataset.renderer = renderer
    entry = { chart: echarts.init(element, null, { renderer }), build }
    live.set(id, entry)
  }
  entry.build = build
  entry.chart.setOption(common(build), { notMerge: true })
  return entry.chart
}

/** Draws all charts again with the colours that hold now. */
export function redrawAll(): void {
  for (const { chart, build } of live.values()) chart.setOption(common(build), { notMerge: true })
}

/** Sets a chart's height in pixels, before it is drawn. */
export function setHeight(id: string, wanted: number, most = Number.POSITIVE_INFINITY): void {
  const pixels = Math.min(wanted, most)
  const element = document.getElementById(`chart-${id}`)
  if (element === null) return
  element.style.height = `${pixels}px`
  live.get(id)?.chart.resize()
}

/** Height in pixels of a chart's plot, between what `plotGrid` leaves above and below it. */
export function plotHeight(id: string): number {
  return (document.getElementById(`chart-${id}`)?.clientHeight ?? 0) - PLOT_TOP - PLOT_BOTTOM
}

/** Keeps charts at the size of their elements and in the colours of the scheme, on paper in light ones. */
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

/** What all charts have in common, under what the chart itself says. */
function common(build: BuildOption): EChartsOption {
  const colors = palette()
  return {
    // Charts stand still: whoever prints or photographs the page must not meet them half drawn.
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colors.ink },
    ...build(colors),
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
