import { tooltipLook } from './axes.js'
import { drawChart, escapeText, keepUp, type Palette, setHeight, setNote } from './charts.js'
import type { GroupView, MatrixData, MeasureView } from './matrix-data.js'

/** Script of the matrix page: draws a heat map of the chosen measure, and the cost of each rule beside it. */

const data = JSON.parse(document.getElementById('report-data')?.textContent ?? '') as MatrixData
const controls = document.getElementById('controls') as HTMLFormElement

type Triple = readonly [number, number | null, number | null]

const COSTS = [
  data.metric === undefined ? 'accuracy lost' : `${data.metric.label} worse by`,
  'honest rejected',
] as const
/** Losses of shares are shares; those of other metrics have a scale of their own. */
const LOSS_UNIT: MeasureView['unit'] = data.metric?.isShare === false ? 'number' : 'share'
/** At which cost the colour is strongest. */
const HIGH_COST = 0.3

function show(): void {
  const form = new FormData(controls)
  const measure = data.measures.find(({ name }) => name === form.get('measure')) ?? data.measures[0]
  if (measure === undefined) return
  const at = data.choices.map((_, k) => String(form.get(`choice-${k}`) ?? ''))
  // A run without an attacker has no fraction of attackers: it is shown under any.
  const groups = new Map<string, GroupView>()
  for (const group of data.groups) {
    const fits = data.choices.every(
      ({ axis }, k) => group.at[k] === at[k] || (axis === 'fraction' && group.attack === 'none'),
    )
    const key = JSON.stringify([group.rule, group.attack])
    if (fits && (!groups.has(key) || group.at[0] === at[0])) groups.set(key, group)
  }
  draw(measure, (rule, attack) => groups.get(JSON.stringify([rule, attack])))
}

function draw(measure: MeasureView, groupAt: (rule: string, attack: string) => GroupView | undefined): void {
  const rules = [...data.rules].reverse()
  const cells: [number, number, number][] = []
  const broken: [number, number, string][] = []
  rules.forEach((rule, y) => {
    data.attacks.forEach((attack, x) => {
      const group = groupAt(rule, attack)
      const value = group?.measures[measure.name]?.[0]
      if (value !== undefined) cells.push([x, y, value])
      else broken.push([x, y, group !== undefined && group.failed > 0 ? '✕' : '·'])
    })
  })
  const costs = rules.flatMap((rule, y) => {
    const group = data.attacks.map((attack) => groupAt(rule, attack)).find((found) => found !== undefined)
    return [group?.lost, group?.refused].flatMap((value, x): [number, number, number][] =>
      value == null ? [] : [[x, y, value[0]]],
    )
  })
  const losses = costs.filter(([x]) => x === 0)
  const refusals = costs.filter(([x]) => x === 1)
  const values = cells.map(([, , value]) => value)
  const [low, high] = colorRange(values, measure.unit)
  const notes = [
    `Colours run from ${valueText(low, measure.unit)} to ${valueText(high, measure.unit)}.`,
    ...(broken.length === 0
      ? []
      : [`${broken.length} combinations have no value here (· did not run, ✕ failed).`]),
  ]
  setNote('matrix', values.length === 0 ? '' : notes.join(' '))
  setHeight('matrix', Math.max(260, 150 + 34 * rules.length))
  const narrow = (document.getElementById('chart-matrix')?.clientWidth ?? 1000) < 640
  const scale = (colors: Palette): string[] =>
    measure.better === 'high'
      ? [colors.byzantine, colors.bad, colors.empty, colors.pale, colors.honest]
      : [colors.honest, colors.pale, colors.empty, colors.bad, colors.byzantine]

  drawChart('matrix', `${measure.label} by rule and attack`, (colors) => ({
    grid: [
      { left: narrow ? 88 : 140, right: narrow ? 96 : 210, top: 12, bottom: 96 },
      { right: 12, width: narrow ? 72 : 170, top: 12, bottom: 96 },
    ],
    tooltip: {
      ...tooltipLook(colors),
      formatter: (item) => {
        const { seriesIndex, value } = item as unknown as { seriesIndex: number; value: [number, number] }
        const [x, y] = value
        const rule = rules[y] ?? ''
        if (seriesIndex > 0) {
          const group = data.attacks
            .map((attack) => groupAt(rule, attack))
            .find((found) => found !== undefined)
          return tooltip(
            rule,
            COSTS[x] ?? '',
            ...(x === 0 ? ([group?.lost, LOSS_UNIT] as const) : ([group?.refused, 'share'] as const)),
            undefined,
          )
        }
        const attack = data.attacks[x] ?? ''
        const group = groupAt(rule, attack)
        return tooltip(
          rule,
          `${attack}: ${measure.label}`,
          group?.measures[measure.name],
          measure.unit,
          group,
        )
      },
    },
    visualMap: [
      {
        type: 'continuous',
        show: false,
        seriesIndex: 0,
        min: low,
        max: high === low ? low + 1 : high,
        inRange: { color: scale(colors) },
      },
      {
        type: 'continuous',
        show: false,
        seriesIndex: 1,
        min: 0,
        max: LOSS_UNIT === 'share' ? HIGH_COST : spreadOfMetric(),
        inRange: { color: [colors.empty, colors.bad, colors.byzantine] },
      },
      {
        type: 'continuous',
        show: false,
        seriesIndex: 2,
        min: 0,
        max: HIGH_COST,
        inRange: { color: [colors.empty, colors.bad, colors.byzantine] },
      },
    ],
    xAxis: [
      { ...categories(data.attacks, colors, 35), gridIndex: 0 },
      { ...categories(COSTS, colors, 35), gridIndex: 1 },
    ],
    yAxis: [
      { ...categories(rules, colors, 0), gridIndex: 0 },
      { ...categories(rules, colors, 0), gridIndex: 1, axisLabel: { show: false } },
    ],
    series: [
      heat(
        0,
        cells,
        colors,
        (value) => cellText(value, measure.unit),
        data.attacks.length <= 16,
        (value) =>
          // The ends of the scale are dark on a light page and bright on a dark one.
          Math.abs((value - low) / (high - low || 1) - 0.5) > 0.36 ? colors.card : colors.ink,
      ),
      ...([losses, refusals] as const).map((cost, k) =>
        heat(
          1,
          cost,
          colors,
          (value) => cellText(value, k === 0 ? LOSS_UNIT : 'share'),
          true,
          () => colors.ink,
        ),
      ),
      {
        type: 'scatter',
        xAxisIndex: 0,
        yAxisIndex: 0,
        symbolSize: 0,
        data: broken.map(([x, y, mark]) => ({
          value: [x, y],
          label: {
            show: true,
            formatter: mark,
            position: 'inside',
            fontSize: 18,
            fontWeight: 700,
            color: mark === '✕' ? colors.byzantine : colors.soft,
          },
        })),
      },
    ],
  }))
}

/** Between the best and the worst cell of the matrix: a loss as large as that has the strongest colour. */
function spreadOfMetric(): number {
  const values = data.groups.flatMap(({ measures }) => measures.worstHonestMetric?.[0] ?? [])
  return Math.max(1e-30, Math.max(...values) - Math.min(...values))
}

/** Shares that differ by less are not told apart by colour. */
const LEAST_SHARE_RANGE = 0.1

/** The values at the two ends of the colours: the smallest and the largest one. */
function colorRange(values: readonly number[], unit: MeasureView['unit']): [number, number] {
  if (values.length === 0) return [0, 1]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  if (unit !== 'share' || high - low >= LEAST_SHARE_RANGE) return [low, high]
  const middle = Math.min(Math.max((low + high) / 2, LEAST_SHARE_RANGE / 2), 1 - LEAST_SHARE_RANGE / 2)
  return [middle - LEAST_SHARE_RANGE / 2, middle + LEAST_SHARE_RANGE / 2]
}

function categories(names: readonly string[], colors: Palette, rotate: number) {
  return {
    type: 'category' as const,
    data: [...names],
    axisLine: { show: false },
    axisTick: { show: false },
    splitArea: { show: false },
    axisLabel: { color: colors.ink, interval: 0, rotate, width: 130, overflow: 'truncate' as const },
  }
}

function heat(
  grid: number,
  cells: readonly (readonly [number, number, number])[],
  colors: Palette,
  text: (value: number) => string,
  hasText: boolean,
  inkOn: (value: number) => string,
) {
  return {
    type: 'heatmap' as const,
    xAxisIndex: grid,
    yAxisIndex: grid,
    data: cells.map((cell) => ({ value: [...cell], label: { color: inkOn(cell[2]) } })),
    itemStyle: { borderColor: colors.card, borderWidth: 2, borderRadius: 4 },
    emphasis: { itemStyle: { borderColor: colors.ink } },
    label: {
      show: hasText,
      formatter: (item: unknown) => text((item as { value: [number, number, number] }).value[2]),
    },
  }
}

/** Short text for a cell. */
function cellText(value: number, unit: MeasureView['unit']): string {
  if (unit === 'share') return (100 * value).toFixed(1)
  return valueText(value, unit)
}

function valueText(value: number, unit: MeasureView['unit']): string {
  switch (unit) {
    case 'share':
      return `${(100 * value).toFixed(1)} %`
    case 'bytes':
      return value >= 1e6 ? `${(value / 1e6).toFixed(2)} MB` : `${(value / 1e3).toFixed(1)} kB`
    case 'seconds':
      return `${value.toFixed(2)} s`
    case 'milliseconds':
      return `${value.toFixed(value < 10 ? 1 : 0)} ms`
    case 'number':
    case 'count':
      return String(Number(value.toPrecision(3)))
  }
}

function tooltip(
  rule: string,
  what: string,
  value: Triple | null | undefined,
  unit: MeasureView['unit'],
  group: GroupView | undefined,
): string {
  const lines = [`${escapeText(rule)}, ${escapeText(what)}`]
  if (value == null) lines.push('<b>no value</b>')
  else {
    const [mean, low, high] = value
    const interval =
      low === null || high === null ? '' : ` [${valueText(low, unit)}, ${valueText(high, unit)}]`
    lines.push(`<b>${valueText(mean, unit)}</b>${interval}`)
  }
  if (group !== undefined) {
    lines.push(`${group.done} seeds done, ${group.failed} failed, ${group.missing} missing`)
    if (group.error !== null) lines.push(escapeText(group.error.slice(0, 300)))
  }
  return lines.join('<br>')
}

controls.addEventListener('change', show)
controls.addEventListener('submit', (event) => event.preventDefault())
show()
keepUp()
