import type { RunScore } from '@tempered/lab/measures'
import { counted, decimal } from '@tempered/lab/text'
import { html, type Markup } from './markup.js'
import type { ScenarioSummary } from './scenario-summary.js'

type Member = NonNullable<RunScore['contribution']>['members'][number]

/** Members of a run whose rows are shown; the table says how many there are. */
const MOST_ROWS = 100

/** What each member contributed and who takes it for a free rider; null for runs that score nothing. */
export function contributionTable(summary: ScenarioSummary): Markup | null {
  const runs = summary.variants.flatMap(({ label, runs: seeds }) =>
    seeds.flatMap(({ seed, score: { contribution } }) =>
      contribution === undefined ? [] : [{ label, seed, members: contribution.members }],
    ),
  )
  if (runs.length === 0) return null
  return html`<section class="panel" aria-labelledby="title-contribution">
<h2 id="title-contribution">Contribution of each node</h2>
<p class="note">Gain: by how much its models lowered the loss of its neighbours’ aggregates on their own samples, median over neighbours; differences near zero are noise. Flagged: neighbours that took its models for those of a free rider in more than half of their rounds. Own entries: rounds in which its own entry says so.</p>
${runs.map(({ label, seed, members }, k) => {
  const riders = members.filter(({ isFreeRider }) => isFreeRider).length
  return html`<details${k === 0 && members.length <= 20 ? html` open` : null}><summary>${label}, seed ${String(seed)}: ${counted(riders, 'free rider')} of ${counted(members.length, 'node')}${members.length > MOST_ROWS ? `; the first ${MOST_ROWS} are listed` : null}</summary>
<div class="scroll"><table><thead><tr><th>node</th><th class="number">gain</th><th class="number">flagged by</th><th class="number">own entries</th><th>reasons</th><th></th></tr></thead><tbody>${members.slice(0, MOST_ROWS).map(memberRow)}</tbody></table></div></details>`
})}
</section>`
}

function memberRow(member: Member): Markup {
  const { node, gain, flaggedBy, scorers, admittedRounds, ownRounds, reasons, isFreeRider } = member
  const given = Object.entries(reasons).map(([reason, count]) => `${reason} (${count})`)
  return html`<tr><td>${node}</td><td class="number">${gain === null ? '–' : decimal(gain)}</td><td class="number">${flaggedBy} of ${scorers}</td><td class="number">${admittedRounds} of ${ownRounds}</td><td>${given.join(', ')}</td><td class="${isFreeRider ? 'missed' : ''}">${isFreeRider ? 'free rider' : null}</td></tr>`
}
