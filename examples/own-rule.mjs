// A simulation with a rule of your own: ten nodes on real digits, two of which attack. Compares it with plain averaging.
import { simulate } from '@tempered/lab'
import { registerRule } from '@tempered/robust-agg/custom'

registerRule({
  name: 'nearest-half',
  formula: 'mean of the own model and the nearest half of the neighbours',
  combine({ own, neighbours, distances }) {
    const order = [...distances.keys()].sort((a, b) => distances[a] - distances[b] || a - b)
    const nearest = order.slice(0, Math.ceil(neighbours.length / 2))
    const vector = own.slice()
    for (const j of nearest) for (let k = 0; k < vector.length; k++) vector[k] += neighbours[j][k]
    for (let k = 0; k < vector.length; k++) vector[k] /= nearest.length + 1
    return { vector, accepted: neighbours.map((_, j) => nearest.includes(j)), scores: distances }
  },
})

for (const rule of ['average', 'nearest-half']) {
  const { measures, rounds } = await simulate({
    nodes: 10,
    model: 'softmax',
    data: { split: { kind: 'label-groups', h: 0.3 } },
    training: { rounds: 5, localSteps: 10 },
    rule,
    adversaries: [{ count: 2, attack: { name: 'ipm', params: { epsilon: 2 } } }],
  })
  const course = rounds.map(({ worst }) => `${(100 * worst).toFixed(0)} %`).join(' → ')
  console.log(`${rule}: worst honest node ${course}; attackers' weight ${measures.hostileWeight.toFixed(2)}`)
}
