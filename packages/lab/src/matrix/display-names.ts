import { callText } from '../text/call-text.js'
import type { Lab, LabAttack, LabRule } from './lab-schema.js'

type LabTopology = Lab['axes']['topologies'][number]
type LabChain = Lab['axes']['chains'][number]
type LabPrivacy = Lab['axes']['privacy'][number]
type LabNoise = NonNullable<Lab['axes']['differentialPrivacy']>[number]
type LabSplit = Lab['axes']['splits'][number]

/** Name of plain averaging in tables. */
export const UNDEFENDED_NAME = 'average'

/** Name of a rule in tables: its label, or its pre-aggregators, name, parameters and changed training settings. */
export function ruleDisplayName(rule: LabRule): string {
  return rule.label ?? withChanges([...rule.pre.map(callText), callText(rule)].join(' + '), rule.training)
}

/**
 * Name of a rule in tables, with those of the chain on which nodes agree on its aggregates, of private rounds, and of the noise
 * on what it aggregates.
 */
export function combinationName(
  rule: LabRule,
  chain: LabChain,
  privacy: LabPrivacy,
  noise: LabNoise | undefined,
): string {
  const name = ruleDisplayName(rule)
  return [
    chain === 'none' ? name : `${name} on ${chainDisplayName(chain)}`,
    ...(privacy === 'none' ? [] : [privacyDisplayName(privacy)]),
    ...(noise === undefined || noise === 'none' ? [] : [noiseDisplayName(noise)]),
  ].join(', ')
}

export function privacyDisplayName(privacy: LabPrivacy): string {
  if (privacy === 'none') return privacy
  const { label, mode, rule, threshold, group, range } = privacy
  return (
    label ??
    withChanges(rule === undefined ? `private ${mode}` : `private ${mode} ${callText(rule)}`, {
      threshold,
      group,
      range,
    })
  )
}

export function noiseDisplayName(noise: LabNoise): string {
  if (noise === 'none') return noise
  const { label, on, clip, noiseMultiplier, delta, sharedAmong } = noise
  return label ?? withChanges(`noise on ${on}s`, { clip, noiseMultiplier, delta, sharedAmong })
}

export function chainDisplayName(chain: LabChain): string {
  if (chain === 'none') return chain
  const { architecture, params, label } = chain
  return label ?? withChanges(architecture.split('@')[0]!, params)
}

export function attackDisplayName(attack: LabAttack): string {
  if (attack.label !== undefined) return attack.label
  const name =
    attack.poison === undefined ? callText(attack) : `${callText(attack.poison)} + ${callText(attack)}`
  return withChanges(name, {
    from: attack.from > 1 ? attack.from : undefined,
    to: attack.to,
    colluding: attack.colluding ? undefined : false,
  })
}

export function topologyDisplayName(topology: LabTopology): string {
  const { label, nodes, honest } = topology
  return label ?? withChanges(callText(topology), { nodes, honest })
}

export function splitDisplayName(split: LabSplit): string {
  const { kind, ...given } = split as { kind: string } & Record<string, unknown>
  const parts = Object.entries(given).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${JSON.stringify(value)}`],
  )
  return [kind, ...parts].join(' ')
}

function withChanges(
  name: string,
  changes: Readonly<Record<string, number | boolean | readonly number[] | undefined>>,
): string {
  const parts = Object.entries(changes).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${value}`],
  )
  return [name, ...parts].join(', ')
}
