import type { IncidentView } from './report-data.js'

/** Number of letters that fit between the marks of two rounds. */
const MARK_LETTERS = 24

/** One line per kind: a single incident with its own text if it is short, several with their number. */
export function markText(incidents: readonly IncidentView[]): string {
  return [...new Set(incidents.map(({ kind }) => kind))]
    .map((kind) => {
      const alike = incidents.filter((incident) => incident.kind === kind)
      if (alike.length > 1) return `${kind} ×${alike.length}`
      const { text } = alike[0]!
      return text.length <= MARK_LETTERS ? text : kind
    })
    .join('\n')
}

export function groupByRound(incidents: readonly IncidentView[]): Map<number, IncidentView[]> {
  const groups = new Map<number, IncidentView[]>()
  for (const incident of incidents)
    groups.set(incident.round, [...(groups.get(incident.round) ?? []), incident])
  return groups
}
