/** What `scenario init` writes. Everything that is not a comment is required, or meant to be changed. */
const BODIES = {
  attack: {
    about:
      'Two of ten nodes send poisoned models; BALANCE has to keep the others close to a run without attackers.',
    body: `nodes: 10
topology: { name: k-regular, params: { k: 4 } }
data:
  source: mnist
  # Label groups: 30 % of a label's samples go to one group of nodes. Also: iid, dirichlet, shards, by-clique.
  split: { kind: label-groups, h: 0.3 }
model: softmax
training: { rounds: 20, localSteps: 20, batchSize: 32, learningRate: 0.05, momentum: 0.9 }
rule: { name: balance, params: { gamma: 0.3, kappa: 1, alpha: 0.5, steps: 4 } }

adversaries:
  # Attackers: nodes: [3, 7], or count, or fraction, with the placement drawn from the seed.
  - count: 2
    placement: one-per-neighbourhood # or random, worst-position
    attack: { name: sign-flip-model }
    # Attackers behave honestly before round 3. Also: to, knowledge, colluding.
    from: 3

# What must hold at the end; exit code 8 otherwise. honest. is the same run without attackers.
assertions:
  - worstHonestAccuracy >= 80 %
  - honest.worstHonestAccuracy - worstHonestAccuracy <= 5 %
  - ledgersVerify

# Runs to compare with. All three are on unless switched off.
controls: { honest: true, undefended: true, baseline: true }
`,
  },
  faults: {
    about:
      'Nodes crash, join late, leave and are partitioned; the others continue, and every ledger verifies.',
    body: `nodes: 8
topology: { name: complete }
data: { split: { kind: label-groups, h: 0.3 } }
model: softmax
training: { rounds: 20, localSteps: 10 }
rule: { name: balance, params: { gamma: 0.3, kappa: 1, alpha: 0.5, steps: 4 } }
# How long a lost neighbour still counts as live, and how long nodes wait for a silent one.
deadlines: { reconnectMs: 1000, collectMs: 10000 }

# Rounds count from 1. A node is killed when it has published its model of the round, and links change when the first
# honest node has.
faults:
  - { at: 3, kill: [2] }
  - { at: 6, restart: [2] }
  - { at: 4, join: [7] } # absent before
  - { at: 8, partition: [[0, 1, 2, 3], [4, 5, 6, 7]] }
  - { at: 12, heal: true }
  - { at: 5, slowLink: { between: [0, 1], latencyMs: 100, bytesPerSecond: 1000000 } }
  - { at: 5, slowTrainer: { nodes: [3], factor: 3 } }
  - { at: 15, leave: [6] }

assertions:
  - meanHonestAccuracy >= 80 %
  - ledgersVerify

controls: { honest: false, undefended: false, baseline: false }
`,
  },
  cliques: {
    about: 'Two cliques with different labels are connected by one bridge, and an attacker sits at its end.',
    body: `nodes: 10
seeds: [1, 2]
topology: { name: dumbbell }
data: { split: { kind: by-clique } }
model: softmax
training: { rounds: 20, localSteps: 10 }
rules:
  - { name: balance, params: { gamma: 0.3, kappa: 1, alpha: 0.5, steps: 4 } }
  - { name: median }
adversaries:
  - count: 1
    placement: worst-position
    attack: { name: gaussian }
assertions:
  - finishedHonest == 9
  - ledgersVerify
`,
  },
} as const

export type TemplateName = keyof typeof BODIES
export const TEMPLATE_NAMES = Object.keys(BODIES) as TemplateName[]

/** @param schema path of the JSON Schema, relative to the file */
export function scenarioTemplate(template: TemplateName, name: string, schema: string): string {
  const { about, body } = BODIES[template]
  return `# yaml-language-server: $schema=${schema}\n# ${about}\nname: ${JSON.stringify(name)}\n${body}`
}
