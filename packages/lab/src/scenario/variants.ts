import { isDeepStrictEqual } from 'node:util'
import type { AssertedRun } from './assertions.js'
import type { Scenario, ScenarioRule } from './schema.js'

/** One run that a scenario asks for: one rule, one seed, with or without attackers. */
export interface Variant {
  /**
   * `attacked`, `honest`, `undefended` or `baseline`; with several rules `attacked-<rule>`. Also the name of its
   * folder.
   */
  readonly name: string
  readonly kind: AssertedRun
  /** Index among the scenario's rules; undefined for the controls that have plain averaging instead. */
  readonly ruleIndex: number | undefined
  readonly rule: ScenarioRule
  readonly seed: number
  /** The scenario with only that seed, that rule and those adversaries. */
  readonly scenario: Scenario
}

const AVERAGE: ScenarioRule = { name: 'average', params: {}, pre: [] }

/**
 * All runs of a scenario, seeds outermost: for each rule the scenario itself and, without attackers, the honest
 * control; once per seed, plain averaging under the attack (undefended) and without one (baseline). Runs that would be
 * the same as another, and controls that are switched off, are left out. Faults happen in all of them.
 */
export function variantsOf(scenario: Scenario): Variant[] {
  return scenario.seeds.flatMap((seed) => kindsOf(scenario).map((one) => makeVariant(scenario, one, seed)))
}

/**
 * The variant for a run that an assertion names, under one of the rules. A control that would be the same as another
 * run is that run. undefined when it was switched off.
 */
export function variantFor(
  scenario: Scenario,
  variants: readonly Variant[],
  run: AssertedRun,
  ruleIndex: number,
  seed: number,
): Variant | undefined {
  const wanted = makeVariant(
    scenario,
    { kind: run, ruleIndex: run === 'attacked' || run === 'honest' ? ruleIndex : undefined },
    seed,
  )
  return variants.find(
    (variant) =>
      variant.seed === seed &&
      isDeepStrictEqual(variant.rule, wanted.rule) &&
      isDeepStrictEqual(variant.scenario.privacy, wanted.scenario.privacy) &&
      isDeepStrictEqual(variant.scenario.adversaries, wanted.scenario.adversaries),
  )
}

interface Kind {
  readonly kind: AssertedRun
  readonly ruleIndex: number | undefined
}

function kindsOf(scenario: Scenario): Kind[] {
  const { controls, rules } = scenario
  const kinds: Kind[] = rules.map((_, ruleIndex) => ({ kind: 'attacked', ruleIndex }))
  if (controls.honest) kinds.push(...rules.map((_, ruleIndex): Kind => ({ kind: 'honest', ruleIndex })))
  if (controls.undefended) kinds.push({ kind: 'undefended', ruleIndex: undefined })
  if (controls.baseline) kinds.push({ kind: 'baseline', ruleIndex: undefined })
  const seen: unknown[] = []
  return kinds.filter((one) => {
    const { rule, scenario: made } = makeVariant(scenario, one, scenario.seed)
    const what = { rule, adversaries: made.adversaries, privacy: made.privacy }
    if (one.kind !== 'attacked' && seen.some((other) => isDeepStrictEqual(other, what))) return false
    seen.push(what)
    return true
  })
}

function makeVariant(scenario: Scenario, { kind, ruleIndex }: Kind, seed: number): Variant {
  const rule = ruleIndex === undefined ? AVERAGE : scenario.rules[ruleIndex]!
  // Plain averaging is what happens without any defence.
  const privacy = ruleIndex === undefined ? undefined : scenario.privacy
  const adversaries = kind === 'honest' || kind === 'baseline' ? [] : scenario.adversaries
  return {
    name:
      ruleIndex === undefined || scenario.rules.length === 1
        ? kind
        : `${kind}-${variantRuleName(scenario, ruleIndex)}`,
    kind,
    ruleIndex,
    rule,
    seed,
    scenario: { ...scenario, seed, seeds: [seed], rule, rules: [rule], adversaries, privacy },
  }
}

/** The rule's name, followed by its position where several rules have the same name. */
export function variantRuleName({ rules }: Pick<Scenario, 'rules'>, index: number): string {
  const { name } = rules[index]!
  const same = rules.filter((rule) => rule.name === name).length
  return same === 1 ? name : `${name}-${index + 1}`
}
