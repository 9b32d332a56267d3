import type { EChartsOption } from 'echarts'
import { type Palette, PLOT_BOTTOM, PLOT_TOP } from './charts.js'

/** Axes, grids and tooltips shared by the charts over rounds. */

export function roundAxis(rounds: readonly number[], colors: Palette): NonNullable<EChartsOption['xAxis']> {
  return {
    type: 'category',
    name: 'round',
    nameLocation: 'middle',
    nameGap: 28,
    nameTextStyle: { color: colors.soft },
    data: rounds.map(String),
    boundaryGap: false,
    axisLine: { lineStyle: { color: colors.line } },
    axisTick: { lineStyle: { color: colors.line } },
    axisLabel: { color: colors.soft, hideOverlap: true },
  }
}

export function shareAxis(colors: Palette, max: number | 'dataMax' = 1): NonNullable<EChartsOption['yAxis']> {
  return {
    type: 'value',
    min: 0,
    max,
    axisLabel: { color: colors.soft, formatter: (value: number) => `${Math.round(100 * value)} %` },
    splitLine: { lineStyle: { color: colors.line } },
  }
}

export function numberAxis(
  colors: Palette,
  format: (value: number) => string,
): NonNullable<EChartsOption['yAxis']> {
  return {
    type: 'value',
    min: 0,
    axisLabel: { color: colors.soft, formatter: format },
    splitLine: { lineStyle: { color: colors.line } },
  }
}

/** @param extra pixels that a legend of several rows needs besides its first */
export function plotGrid(right = 24, extra = 0): NonNullable<EChartsOption['grid']> {
  return { left: 54, right, top: PLOT_TOP + extra, bottom: PLOT_BOTTOM }
}

export function tooltipLook(colors: Palette): object {
  return {
    backgroundColor: colors.card,
    borderColor: colors.line,
    textStyle: { color: colors.ink, fontSize: 13 },
    confine: true,
    transitionDuration: 0,
  }
}

/** A legend that shows all its names, in as many rows as they need. */
export function plainLegend(colors: Palette): object {
  return { ...legendLook(colors), type: 'plain' }
}

/** Height in pixels of the rows after the first of a plain legend with these names, on a chart of this width. */
export function legendHeight(names: readonly string[], width: number): number {
  let rows = 1
  let used = 0
  for (const name of names) {
    const wide = 26 + 5 + 6.5 * name.length + 10
    if (used > 0 && used + wide > width) {
      rows += 1
      used = 0
    }
    used += wide
  }
  return 22 * (rows - 1)
}

export function legendLook(colors: Palette): object {
  return {
    type: 'scroll',
    top: 0,
    left: 0,
    itemWidth: 26,
    itemHeight: 8,
    textStyle: { color: colors.soft },
    pageTextStyle: { color: colors.soft },
    pageIconColor: colors.ink,
    pageIconInactiveColor: colors.line,
  }
}
