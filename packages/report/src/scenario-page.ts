import { benefitLines, costLines, secondsNote, type TradeoffLine, unequalText } from '@tempered/lab/measures'
import { usesData } from '@tempered/lab/scenario'
import { counted } from '@tempered/lab/text'
import type { ReportData } from './client/report-data.js'
import { estimateCell } from './estimate-cell.js'
import { headlineCards } from './headline.js'
import { html, type Markup } from './markup.js'
import { detailsSections } from './scenario-details.js'
import type { ScenarioPageInit } from './scenario-page-init.js'
import { divergences, isDefended, metricOfRuns, type ScenarioSummary } from './scenario-summary.js'
import { verdictText } from './verdict.js'

/** Body of the page of a scenario or a single run. */
export function scenarioBody(init: ScenarioPageInit): Markup {
  const { summary, data } = init
  const metric = metricOfRuns(summary)
  const hasSeeds = summary.variants.some((variant) => variant.runs.length > 1)
  return html`
<header class="masthead">
<p class="eyebrow">Tempered report</p>
<h1>${summary.name}</h1>
<p class="lede">${leadSentence(init)}</p>
<ul class="facts">${facts(init).map((fact) => html`<li>${fact}</li>`)}</ul>
${alerts(summary)}
</header>
<main>
<noscript>The pictures need JavaScript; the tables below do not. Nothing is loaded from anywhere.</noscript>
<div class="cards">${headlineCards(summary)}</div>
${
  data.variants.length > 1
    ? panel(
        'comparison',
        'Worst honest node, compared between runs',
        `Test ${metric.label} of the worst honest node${hasSeeds ? '; the line is the mean over seeds, the band spans the lowest to the highest seed' : ''}.`,
      )
    : null
}
${controls(data)}
<div class="grid">
${panel('metric', `${metric.label[0]!.toUpperCase()}${metric.label.slice(1)} of every node`, `Honest nodes: solid blue lines. Attackers: dashed orange lines, the ${metric.label} of the models that they keep for themselves. Marks on the axis: faults and quarantines.`, 'tall')}
${panel('verdicts', 'Which models were accepted', 'Each row is one honest node judging one neighbour, each column a round. Rows of attackers are above rows of honest neighbours; warm colours are the filter’s mistakes.', 'tall', 'half', verdictKeys())}
${panel('topology', 'The network, round by round', 'An arrow is a model sent to the node that judged it. Solid: accepted. Dashed: rejected. Diamonds are attackers.', 'tall', 'half', roundSlider())}
${smallPanels(data, summary.stage === 'simulate')}
${labelPanel(data)}
${summary.balances.length > 0 ? balancePanel(summary) : null}
${detailsSections(init)}
</div>
</main>
<footer class="foot">
<p>${summary.method} Rounds are counted from 1. Beside this file: rounds.csv, rounds.ndjson, report.json, summary.md.</p>
</footer>`
}

/** Runs whose training diverged, which the charts below cannot show. */
function alerts(summary: ScenarioSummary): Markup[] {
  return divergences(summary).map((text) => html`<p class="alert">${text}</p>`)
}

function leadSentence({ summary, scenario, nodes, attackers }: ScenarioPageInit): string {
  const balance = summary.balances[0] ?? null
  const worst = (role: string) =>
    summary.variants.find(
      (variant) => variant.role === role && (!isDefended(variant) || variant.rule === balance?.rule),
    )?.measures.worstHonestMetric ?? null
  return verdictText({
    metric: metricOfRuns(summary),
    nodes,
    rounds: Math.max(...summary.variants.flatMap((variant) => variant.runs.map((run) => run.plannedRounds))),
    seeds: Math.max(...summary.variants.map((variant) => variant.runs.length)),
    attackers,
    rule: balance?.rule ?? String((scenario.rule as { name?: unknown } | undefined)?.name ?? 'the rule'),
    attacked: worst('attacked'),
    undefended: worst('undefended'),
    honest: worst('honest'),
    baseline: worst('baseline'),
    balance,
    others: summary.variants.flatMap(({ role, rule, measures: { worstHonestMetric: attacked } }) =>
      role === 'attacked' && rule !== balance?.rule && attacked !== null ? [{ rule, attacked }] : [],
    ),
  })
}

function facts({ scenario, nodes, summary }: ScenarioPageInit): string[] {
  const part = (key: string): Record<string, unknown> => (scenario[key] ?? {}) as Record<string, unknown>
  const seeds = [...new Set(summary.variants.flatMap((variant) => variant.runs.map((run) => run.seed)))]
  return [
    counted(nodes, 'node'),
    `rule ${summary.balances.map(({ rule }) => rule).join(', ') || 'average'}`,
    learntFact(scenario),
    `topology ${part('topology').name ?? '?'}`,
    dataFact(scenario as unknown as DataFacts),
    `${countedKey(part('training').rounds, 'round')} of ${countedKey(part('training').localSteps, 'step')}`,
    ...stageFact(summary.stage),
    ...(summary.interrupted ? ['stopped before its end'] : []),
    `${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.sort((a, b) => a - b).join(', ')}`,
  ]
}

type DataFacts = Parameters<typeof usesData>[0] & {
  readonly data?: { readonly source?: string; readonly split?: { readonly kind?: string } }
}

/** Where the samples come from; runs of earlier versions may say less. */
function dataFact(scenario: DataFacts): string {
  if (!usesData(scenario)) return 'data of the trainers'
  const { source = '?', split } = scenario.data ?? {}
  return `data ${source}${split?.kind === undefined ? '' : `, split ${split.kind}`}`
}

/** The model by its name, or the task by its own. */
function learntFact({ model, task }: ScenarioPageInit['scenario']): string {
  return task === undefined ? `model ${model ?? '?'}` : `task ${(task as { task?: unknown }).task ?? '?'}`
}

function countedKey(value: unknown, one: string): string {
  return typeof value === 'number' ? counted(value, one) : `? ${one}s`
}

function stageFact(stage: string | null): string[] {
  if (stage === 'simulate') return ['simulated, seconds are virtual']
  return stage === null ? [] : [`run on a ${stage} of real nodes`]
}

interface SmallPanel {
  readonly id: string
  readonly title: string
  readonly note: string
}

/**
 * The smaller charts, side by side: the filter, effort, then the other measures; charts without any value are left out.
 */
function smallPanels(data: ReportData, isSimulated: boolean): Markup[] {
  const runs = data.variants.flatMap((variant) => variant.runs)
  const hasMemory = runs.some(({ points }) => points.some(({ residentBytes }) => residentBytes !== null))
  const measured = (runs[0]?.panels ?? []).filter(
    ({ id }) =>
      id === 'filter' ||
      runs.some(({ panels }) =>
        panels.some((one) => one.id === id && one.lines.some(({ values }) => values.some((x) => x !== null))),
      ),
  )
  const panels: SmallPanel[] = [
    ...measured.filter(({ id }) => id !== 'consensus'),
    {
      id: 'effort',
      title: 'Seconds by phase',
      note: `Per round, mean over honest nodes. Collecting includes the wait for the neighbours’ models.${
        isSimulated ? ' Simulated: virtual seconds, except for aggregation.' : ''
      }`,
    },
    { id: 'bytes', title: 'Bytes in and out', note: 'On the wire, mean over all nodes.' },
    ...(hasMemory
      ? [
          {
            id: 'memory',
            title: 'Memory',
            note: `Resident memory of the processes, divided by the number of nodes in each; includes libraries and data.${
              isSimulated
                ? ' Simulated: one process for all runs, so later runs include what earlier ones left behind.'
                : ''
            }`,
          },
        ]
      : []),
    ...measured.filter(({ id }) => id === 'consensus'),
  ]
  // Fills the rows: 3 = 3, 4 = 2 + 2, 5 = 2 + 3, 6 = 3 + 3.
  const thirds = panels.length === 4 ? 0 : panels.length === 6 ? 6 : 3
  return panels.map(({ id, title, note }, k) =>
    panel(id, title, note, 'short', k >= panels.length - thirds ? 'third' : 'half'),
  )
}

/** null when no run records the distribution of labels. */
function labelPanel(data: ReportData): Markup | null {
  if (!data.variants.some(({ runs }) => runs.some(({ labels }) => labels !== null))) return null
  return panel(
    'labels',
    'Data of each node',
    'Training samples of each class at each node, as dealt: darker blue is more. Names of attackers are orange; attacks on data change labels afterwards. Nothing is known of data that only a node’s own trainer has.',
    'short',
  )
}

function controls(data: ReportData): Markup {
  return html`<form class="controls" id="controls" autocomplete="off">
<fieldset><legend>Run to look at</legend>${data.variants.map(
    (variant, k) =>
      html`<label class="pill"><input type="radio" name="variant" value="${String(k)}"${k === 0 ? html` checked` : null}><span>${variant.label}</span></label>`,
  )}</fieldset>
<label>Seed <select id="seed" name="seed"></select></label>
</form>`
}

function panel(
  id: string,
  title: string,
  note: string,
  height = '',
  width = '',
  extra: Markup | null = null,
): Markup {
  return html`<section class="panel ${width}" aria-labelledby="title-${id}">
<h2 id="title-${id}">${title}</h2>
<p class="note">${note} <span id="note-${id}"></span></p>
${extra}
<div class="chart ${height}" id="chart-${id}"></div>
</section>`
}

function verdictKeys(): Markup {
  const key = (color: string, text: string): Markup =>
    html`<li><i style="background:var(${color})"></i>${text}</li>`
  return html`<ul class="keys">
${key('--honest', 'attacker rejected')}${key('--byzantine', 'attacker accepted')}${key('--pale', 'honest accepted')}${key('--bad', 'honest rejected')}${key('--empty', 'nothing arrived')}${key('--card', 'no such round: the judge was away')}
</ul>`
}

function roundSlider(): Markup {
  return html`<div class="playbar">
<button type="button" id="play" aria-pressed="false">Play</button>
<input type="range" id="round" min="1" max="1" value="1" step="1" aria-label="Round of the network picture">
<output id="round-name" for="round"></output>
</div>`
}

function balancePanel(summary: ScenarioSummary): Markup {
  const isSimulated = summary.stage === 'simulate'
  const metric = metricOfRuns(summary)
  return html`<section class="panel" aria-labelledby="title-balance">
<h2 id="title-balance">Benefit and cost of the defence</h2>
<p class="note">Differences between runs of the same seed, ${metric.unit === 'share' ? `in percentage points of test ${metric.label} (pp)` : `of test ${metric.label} in its own numbers`}; a benefit below zero is a loss and has the colour of costs. Shares are in the table only. Whiskers are the intervals over seeds.</p>
<div class="chart short" id="chart-balance"></div>
${[...new Set(summary.balances.flatMap((balance) => secondsNote(balance, isSimulated) ?? []))].map((text) => html`<p class="note">${text}</p>`)}
${summary.balances.flatMap((balance) => unequalText(balance) ?? []).map((text) => html`<p class="note">${text}</p>`)}
${summary.balances.map(
  (balance) => html`<div class="ledger">
<div><h3 class="good">${balance.rule}: benefit</h3><table>${benefitLines(balance).map(row)}</table></div>
<div><h3 class="price">${balance.rule}: cost</h3><table>${costLines(balance, isSimulated).map(row)}</table></div>
</div>`,
)}
</section>`
}

function row(line: TradeoffLine): Markup {
  return html`<tr><td>${line.label}</td>${estimateCell(line.estimate, line.format)}</tr>`
}
