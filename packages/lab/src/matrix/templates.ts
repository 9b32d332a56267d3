/** A commented lab that takes a few minutes: two rules under two attacks. */
export function labTemplate(name: string): string {
  return `# Compares rules under attacks: every combination is one simulated run.
name: ${JSON.stringify(name)}

# What all runs have in common; keys as in a scenario.
scenario:
  nodes: 10
  model: softmax
  training: { rounds: 10, localSteps: 10 }

axes:
  # A name, or { name, params, pre, label }, or { module: ./my-rule.mjs }.
  rules: [median, { name: balance, params: { gamma: 0.3, kappa: 1, alpha: 0.5, steps: 4 } }]
  attacks: [sign-flip-model, { name: ipm, params: { epsilon: 2 } }]
  fractions: [0.2]
  topologies: [{ name: k-regular, params: { k: 4 } }]
  splits: [{ kind: label-groups, h: 0.3 }]
  # One seed is an anecdote; five give an interval.
  seeds: [1]

# Attack-free runs and plain averaging to compare with; all on unless switched off.
controls: { honest: true, undefended: true, baseline: true }
`
}
