import type { Manifest } from '@tempered/protocol'
import { createRule, listRules, type Rule } from '@tempered/robust-agg'
import { NodeError } from '../errors.js'

/**
 * The rule that a manifest names, as a node can run it. Throws RobustAggError for unknown names and parameters and
 * for rules that need own losses, and E_RULE_UNSUPPORTED for rules that remember earlier rounds: what they remember
 * would be lost over a restart, and with it the proof that a verdict was right.
 */
export function createRunRule(rule: Manifest['rule']): Rule {
  const created = createRule(rule.name, rule.params)
  if (listRules().find((info) => info.name === created.name)?.usesMemory) {
    throw new NodeError(
      'E_RULE_UNSUPPORTED',
      `rule ${created.name} remembers earlier rounds, which nodes cannot carry over a restart yet; take another rule`,
      { rule: created.name },
    )
  }
  return created
}
