import { honestNodes, type RunRecord } from './run-record.js'

/** A pre-aggregator that did not fit the models of honest nodes, and left them as they were. */
export interface UnfitStep {
  readonly step: string
  /** Honest nodes at which it did not fit in at least one round, in order of nodes. */
  readonly nodes: readonly string[]
  /** First and last of these rounds, from 0. */
  readonly from: number
  readonly to: number
}

/** The steps that did not fit, in the order in which that was first reported. */
export function unfitSteps(record: RunRecord): UnfitStep[] {
  const steps = new Map<string, { nodes: Set<string>; from: number; to: number }>()
  for (const { index, name } of honestNodes(record)) {
    for (const { report } of record.records[index]?.rounds ?? []) {
      for (const step of report.unfit ?? []) {
        const { nodes, from, to } = steps.get(step) ?? {
          nodes: new Set(),
          from: report.round,
          to: report.round,
        }
        steps.set(step, {
          nodes: nodes.add(name),
          from: Math.min(from, report.round),
          to: Math.max(to, report.round),
        })
      }
    }
  }
  return [...steps].map(([step, { nodes, from, to }]) => ({ step, nodes: [...nodes], from, to }))
}
