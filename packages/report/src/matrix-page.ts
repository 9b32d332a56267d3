import { ACCURACY_FACTS, lossTextOf, type Matrix, metricText } from '@tempered/lab/measures'
import { counted, percent } from '@tempered/lab/text'
import type { Metric } from '@tempered/train'
import type { MatrixData } from './client/matrix-data.js'
import { estimateCell } from './estimate-cell.js'
import type { HashedFile } from './file-hashes.js'
import { html, type Markup } from './markup.js'
import type { MatrixSummary } from './matrix-summary.js'

export interface MatrixPageInit {
  readonly matrix: Matrix
  readonly summary: MatrixSummary
  readonly data: MatrixData
  readonly files: readonly HashedFile[]
}

/** Largest number of failed cells that are listed. */
const MAX_FAILURES = 200

/** Body of the page of a matrix. */
export function matrixBody({ matrix, summary, data, files }: MatrixPageInit): Markup {
  const failed = matrix.cells.filter((cell) => cell.status === 'failed')
  const missing = matrix.cells.filter((cell) => cell.status === 'missing').length
  const seeds = new Set(matrix.cells.map((cell) => cell.seed))
  return html`
<header class="masthead">
<p class="eyebrow">Tempered report</p>
<h1>${summary.name}: rules against attacks</h1>
<p class="lede">${leadSentence(summary, data, matrix.cells)}</p>
<ul class="facts"><li>${data.rules.length} rules</li><li>${data.attacks.length} attacks</li>${data.choices.map(
    ({ axis, values }) => html`<li>${axis} ${values.join(', ')}</li>`,
  )}<li>${counted(seeds.size, 'seed')}</li><li>${counted(matrix.cells.length, 'cell')}</li>${
    failed.length > 0 ? html`<li>${failed.length} failed</li>` : null
  }${missing > 0 ? html`<li>${missing} missing</li>` : null}</ul>
</header>
<main>
<noscript>The picture needs JavaScript; the tables below and summary.md do not. Nothing is loaded from anywhere.</noscript>
<form class="controls" id="controls" autocomplete="off">
<label>Show <select name="measure">${data.measures.map(
    ({ name, label }) => html`<option value="${name}">${label}</option>`,
  )}</select></label>
${data.choices.map(({ axis, values }, k) =>
  values.length < 2
    ? html`<input type="hidden" name="choice-${k}" value="${values[0] ?? ''}">`
    : html`<label>${axis} <select name="choice-${k}">${values.map((value) => html`<option value="${value}">${value}</option>`)}</select></label>`,
)}
</form>
<div class="grid">
<section class="panel" aria-labelledby="title-matrix">
<h2 id="title-matrix">Rule by attack, and the cost of each rule</h2>
<p class="note">Mean over seeds; intervals are in the tooltips. Blue is good, orange is bad. The two columns on the right are the cost without attackers: ${lossNote(metricOf(summary))}, and honest models rejected. ✕: every seed failed. <span id="note-matrix"></span></p>
<div class="scroll"><div class="chart tall wide" id="chart-matrix"></div></div>
</section>
${costTable(summary)}
${failureTable(failed)}
<section class="panel" aria-labelledby="title-lab">
<h2 id="title-lab">The lab</h2>
<p class="note">As resolved. To create this report again: <code>${summary.command}</code></p>
<details><summary>Show</summary><pre tabindex="0">${typeof matrix.lab === 'string' ? matrix.lab : JSON.stringify(matrix.lab, null, 2)}</pre></details>
</section>
<section class="panel" aria-labelledby="title-runs">
<h2 id="title-runs">Versions and hashes</h2>
<p class="note">Made with ${Object.entries(matrix.versions ?? {})
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.</p>
${files.map((file) => html`<p>${file.path}<br><code>${file.sha256}</code></p>`)}
</section>
</div>
</main>
<footer class="foot"><p>${summary.method} Next to this file: matrix.csv, matrix.ndjson, report.json, summary.md.</p></footer>`
}

function metricOf({ metric = ACCURACY_FACTS.metric }: MatrixSummary): Metric {
  return metric
}

function lossNote({ name, label }: Metric): string {
  return name === 'accuracy'
    ? 'accuracy lost at the worst honest node against plain averaging'
    : `by how much the ${label} of the worst honest node is worse than with plain averaging`
}

/** Names the rule that keeps its worst honest node best over all attacks that were tried. */
function leadSentence(summary: MatrixSummary, data: MatrixData, cells: Matrix['cells']): string {
  const { groups } = summary
  const metric = metricOf(summary)
  const isHigh = metric.better === 'higher'
  // Below 0 when `a` is better.
  const better = (a: number, b: number): number => (isHigh ? b - a : a - b)
  const missing = cells.filter(({ status }) => status === 'missing').length
  if (missing > 0)
    return `${cells.length - missing} of ${cells.length} cells are done: too early to say which rule does best.`
  const attacked = groups.filter((group) => group.attack !== 'none')
  const floors = data.rules.flatMap((rule) => {
    const own = attacked.filter((group) => group.rule === rule)
    const cases = own.flatMap(({ attack, measures }) => {
      // Cells of older labs have accuracies alone.
      const value = (measures.worstHonestMetric ?? measures.worstHonestAccuracy)?.mean
      return value === undefined ? [] : [{ rule, attack, value }]
    })
    if (cases.length < own.length) return []
    return cases.sort((a, b) => better(b.value, a.value)).slice(0, 1)
  })
  floors.sort((a, b) => better(a.value, b.value))
  const [first] = floors
  const plain = floors.find(({ rule }) => rule === 'average')
  if (first === undefined) return 'No rule has a result against every attack yet.'
  const held =
    metric.name === 'accuracy'
      ? 'the worst honest node highest under attack'
      : `the ${metric.label} of the worst honest node ${isHigh ? 'highest' : 'lowest'} under attack`
  const best = `Over all attacks tried${floors.length < data.rules.length ? ', among the rules with a result everywhere' : ''}, ${first.rule} kept ${held}: never ${isHigh ? 'below' : 'above'} ${metricText(metric, first.value)} (its weakest case: ${first.attack}).`
  const seeds = new Set(cells.map(({ seed }) => seed)).size
  const caution = seeds === 1 ? ' One seed: small differences mean nothing.' : ''
  return plain === undefined || plain === first
    ? `${best}${caution}`
    : `${best} Plain averaging ${isHigh ? 'fell' : 'rose'} to ${metricText(metric, plain.value)} (${plain.attack}).${caution}`
}

function costTable(summary: MatrixSummary): Markup | null {
  const { groups } = summary
  const lossText = lossTextOf(metricOf(summary))
  const quiet = groups.filter((group) => group.attack === 'none' && group.rule !== 'average')
  if (quiet.length === 0) return null
  return html`<section class="panel" aria-labelledby="title-costs">
<h2 id="title-costs">Cost of each rule without attackers</h2>
<p class="note">Against plain averaging, same seeds. Bytes are a ratio; computation time is that of the rule per node and round. Cells are simulations: their seconds are virtual and say nothing about real time.</p>
<details${quiet.length <= 12 ? html` open` : null}><summary>${counted(quiet.length, 'line')}</summary><div class="scroll"><table><thead><tr><th>rule</th><th>where</th><th class="number">worst node lost</th><th class="number">mean lost</th><th class="number">honest rejected</th><th class="number">bytes</th><th class="number">computation, ms</th></tr></thead>
<tbody>${quiet.map(({ rule, topology, split, balance: { cost } }) => {
    const times = (value: number): string => `${value.toFixed(2)}×`
    return html`<tr><td>${rule}</td><td>${topology}, ${split}</td>${estimateCell(cost.worstLost, lossText)}${estimateCell(cost.meanLost, lossText)}${estimateCell(cost.honestRefused, (value) => percent(value))}${estimateCell(cost.bytesRatio, times)}${estimateCell(cost.ruleMs, (value) => value.toFixed(1))}</tr>`
  })}</tbody></table></div></details>
</section>`
}

function failureTable(failed: Matrix['cells']): Markup | null {
  if (failed.length === 0) return null
  return html`<section class="panel" aria-labelledby="title-failures">
<h2 id="title-failures">Cells that failed</h2>
<details${failed.length <= 12 ? html` open` : null}><summary>${failed.length} failed${failed.length > MAX_FAILURES ? `; the first ${MAX_FAILURES} are listed` : null}</summary>
<div class="scroll"><table><thead><tr><th>cell</th><th>why</th></tr></thead><tbody>${failed
    .slice(0, MAX_FAILURES)
    .map(
      (cell) => html`<tr><td><code>${cell.id}</code></td><td>${cell.error ?? 'no reason given'}</td></tr>`,
    )}</tbody></table></div></details>
</section>`
}
