import type { Manifest } from '@tempered/protocol'
import { createRule, type Rule } from '@tempered/robust-agg'
import { NodeError } from '../errors.js'

/**
 * The rule that a manifest names, with its pre-aggregators, as a node runs it: with losses on the node's own samples
 * and with memory of earlier rounds if the rule uses them. Throws RobustAggError for unknown names and parameters,
 * and E_RULE_UNSUPPORTED for a radius that needs an oracle.
 */
export function createRunRule(rule: Manifest['rule']): Rule {
  if (rule.params.oracle === 1) {
    throw new NodeError(
      'E_RULE_UNSUPPORTED',
      `rule ${rule.name}: oracle = 1 requires knowing which nodes are honest, and no node knows that; set tau or b instead`,
      { rule: rule.name },
    )
  }
  return createRule(rule.name, rule.params, {
    pre: rule.pre.map(({ name, params }) => ({ name, params })),
    evaluator: true,
  })
}

/** A manifest's rule field for an existing rule, with all defaults filled in. */
export function manifestRule(rule: Rule): Manifest['rule'] {
  return {
    name: rule.name,
    params: { ...rule.params },
    pre: rule.pre.map(({ name, params }) => ({ name, params: { ...params } })),
  }
}
