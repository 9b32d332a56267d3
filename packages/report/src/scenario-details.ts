import { measureInfo, measureNames, measureText } from '@tempered/lab/measures'
import { counted } from '@tempered/lab/text'
import { contributionTable } from './contribution-table.js'
import { estimateCell } from './estimate-cell.js'
import { html, type Markup } from './markup.js'
import type { ScenarioPageInit } from './scenario-page-init.js'
import type { RunSummary, ScenarioSummary } from './scenario-summary.js'

/** The sections below the charts: all measures, incidents, scenario, runs with versions and hashes. */
export function detailsSections(init: ScenarioPageInit): Markup[] {
  return [
    assertionTable(init.summary),
    measureTable(init.summary),
    contributionTable(init.summary),
    incidentTable(init),
    scenarioSection(init),
    runTable(init.summary),
  ].filter((section) => section !== null)
}

function measureTable(summary: ScenarioSummary): Markup {
  const names = measureNames().filter((name) =>
    summary.variants.some((variant) => (variant.measures[name] ?? null) !== null),
  )
  return html`<section class="panel" aria-labelledby="title-measures">
<h2 id="title-measures">All measures</h2>
<p class="note">After the last round that all honest nodes finished. Brackets: the 95 % interval over seeds; for fewer than five seeds, their range.</p>
<div class="scroll"><table>
<thead><tr><th></th>${summary.variants.map((variant) => html`<th class="number">${variant.label}</th>`)}</tr></thead>
<tbody>${names.map((name) => {
    const { label, description } = measureInfo(name)
    return html`<tr><td title="${description}">${label}<small>${description}</small></td>${summary.variants.map(
      (variant) => estimateCell(variant.measures[name] ?? null, (value) => measureText(name, value)),
    )}</tr>`
  })}</tbody>
</table></div>
</section>`
}

function assertionTable({ assertions }: ScenarioSummary): Markup | null {
  if (assertions.length === 0) return null
  const held = assertions.filter(({ ok }) => ok).length
  return html`<section class="panel" aria-labelledby="title-assertions">
<h2 id="title-assertions">Assertions</h2>
<p class="note">${held} of ${assertions.length} held.</p>
<div class="scroll"><table><thead><tr><th></th><th>assertion</th><th>rule</th><th>actual</th></tr></thead><tbody>${assertions.map(
    ({ assertion, rule, ok, got }) =>
      html`<tr><td class="${ok ? 'held' : 'missed'}">${ok ? '✓ held' : '✕ missed'}</td><td><code>${assertion}</code></td><td>${rule}</td><td>${got}</td></tr>`,
  )}</tbody></table></div>
</section>`
}

function incidentTable({ data }: ScenarioPageInit): Markup | null {
  const rows = data.variants.flatMap((variant) =>
    variant.runs.flatMap((run) =>
      run.incidents.map(
        (incident) =>
          html`<tr><td>${variant.label}</td><td class="number">${run.seed}</td><td class="number">${incident.round}</td><td>${incident.text}</td></tr>`,
      ),
    ),
  )
  if (rows.length === 0) return null
  const shown = rows.slice(0, 300)
  return html`<section class="panel" aria-labelledby="title-incidents">
<h2 id="title-incidents">Faults, failures and quarantines</h2>
<details${rows.length <= 12 ? html` open` : null}><summary>${counted(rows.length, 'incident')}${rows.length > shown.length ? `; the first ${shown.length} are listed` : null}</summary>
<div class="scroll"><table><thead><tr><th>run</th><th class="number">seed</th><th class="number">round</th><th>incident</th></tr></thead><tbody>${shown}</tbody></table></div>
</details></section>`
}

function scenarioSection({ scenarioText, summary }: ScenarioPageInit): Markup {
  return html`<section class="panel" aria-labelledby="title-scenario">
<h2 id="title-scenario">The scenario</h2>
<p class="note">As resolved, with all defaults. To create this report again: <code>${summary.command}</code></p>
<details><summary>Show it</summary><pre tabindex="0">${scenarioText}</pre></details>
</section>`
}

function runTable(summary: ScenarioSummary): Markup {
  const runs = summary.variants.flatMap((variant) =>
    variant.runs.map((run) => ({ run, label: variant.label })),
  )
  const versions = new Set(runs.map(({ run }) => versionText(run)))
  return html`<section class="panel" aria-labelledby="title-runs">
<h2 id="title-runs">Runs, versions and hashes</h2>
<p class="note">Made with ${[...versions].join('; ')}. Hashes are SHA-256 of the files from which this report was made.</p>
<details><summary>${counted(runs.length, 'run')}</summary><div class="scroll"><table>
<thead><tr><th>run</th><th class="number">seed</th><th>scored after</th><th>ledgers</th><th>run id and files</th></tr></thead>
<tbody>${runs.map(
    ({
      run,
      label,
    }) => html`<tr><td>${label}<small>${run.path}</small></td><td class="number">${run.seed}</td>
<td>${roundText(run)}</td><td>${run.score.ledgers.valid} of ${run.score.ledgers.checked} verify</td>
<td><code>${run.runId ?? '–'}</code>${run.files.map((file) => html`<small>${file.path}<br><code>${file.sha256}</code></small>`)}</td></tr>`,
  )}</tbody></table></div>${summary.files.map((file) => html`<p>${file.path}<br><code>${file.sha256}</code></p>`)}</details>
</section>`
}

function roundText(run: RunSummary): string {
  const { scoredRound, finishedHonest, honestNodes } = run.score
  const judged = scoredRound === null ? 'no round' : `round ${scoredRound + 1} of ${run.plannedRounds}`
  return finishedHonest === honestNodes
    ? judged
    : `${judged}; ${finishedHonest} of ${honestNodes} honest nodes finished`
}

function versionText(run: RunSummary): string {
  return Object.entries(run.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
