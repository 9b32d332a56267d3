import type { PluginKind } from './load-module.js'

/** The two files of a plug-in: the module, and a test for it that runs with `node --test`. */
export interface PluginTemplate {
  readonly module: string
  readonly test: string
}

/** @param name lower-case words with dashes; for a measure, letters and digits */
export function pluginTemplate(kind: PluginKind, name: string): PluginTemplate {
  const { about, body, test } = TEMPLATES[kind]
  return {
    module: `// ${about}\n// The same inputs must give the same bits: no clock, no Math.random, no network, no other file.\n\n${typeLine(kind)}\nexport default {\n  kind: '${kind}',\n  name: '${name}',\n${body}}\n`,
    test: `import assert from 'node:assert/strict'\nimport test from 'node:test'\nimport plugin from './${name}.mjs'\n\n${test}`,
  }
}

function typeLine(kind: PluginKind): string {
  const type = kind
    .split('-')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('')
  return `/** @type {import('@tempered/lab').${type}Module} */`
}

const TEMPLATES: Readonly<
  Record<PluginKind, { readonly about: string; readonly body: string; readonly test: string }>
> = {
  rule: {
    about: 'An aggregation rule: the mean of the node’s own model and the nearest neighbours.',
    body: `  // A one-line formula and its source, for tables and reports.
  formula: 'mean of the own model and the nearest share of the neighbours',
  source: 'mine',
  params: [{ name: 'share', default: 0.5, min: 0, max: 1, meaning: 'share of the neighbours that take part' }],

  // own: the node's own model; neighbours: finite models of the same length; distances: L2 from own to each.
  // Also there: weights (mixing weights), previous (start of the round's training), round, rounds.
  combine({ own, neighbours, distances, params }) {
    const count = Math.ceil(params.share * neighbours.length)
    const nearest = [...distances.keys()].sort((a, b) => distances[a] - distances[b] || a - b).slice(0, count)
    const vector = own.slice()
    for (const j of nearest) for (let k = 0; k < vector.length; k++) vector[k] += neighbours[j][k]
    for (let k = 0; k < vector.length; k++) vector[k] /= count + 1
    return { vector, accepted: neighbours.map((_, j) => nearest.includes(j)), scores: distances }
  },
`,
    test: `test('leaves out the farthest neighbour', () => {
  const own = Float32Array.of(1, 2)
  const neighbours = [Float32Array.of(3, 4), Float32Array.of(100, 100)]
  const distances = neighbours.map((x) => Math.hypot(x[0] - own[0], x[1] - own[1]))
  const { vector, accepted } = plugin.combine({ own, neighbours, distances, params: { share: 0.5 } })
  assert.deepEqual([...vector], [2, 3])
  assert.deepEqual(accepted, [true, false])
})
`,
  },
  architecture: {
    about: 'An architecture of a common chain: members write blocks in turn, and a silent one is skipped.',
    body: `  summary: 'Members take turns; whoever does not write in time is skipped.',
  params: [{ name: 'turnMs', default: 2000, min: 1, integer: true, meaning: 'milliseconds that a member has' }],

  // What every block must satisfy, whoever looks at it; an error refuses the block.
  rules({ run }) {
    const { members } = run.manifest
    return {
      genesis: null,
      check({ body }) {
        const { turn } = body.proof
        if (!Number.isInteger(turn) || turn < 0) throw new Error('its proof must name a turn')
        if (members[(body.height + turn) % members.length] !== body.author) throw new Error('it is not its turn')
      },
      // Of two blocks of one height that of the earlier turn counts.
      weight: ({ body }) => 1 / (1 + body.proof.turn),
      // A block is final once two others have followed.
      confirmations: 2,
    }
  },

  // What this member does: it gets events and returns effects.
  participant({ run, params, self, view }) {
    const { members } = run.manifest
    let offer
    let turn = 0
    const next = () => {
      const height = (offer.parent === null ? 0 : view.get(offer.parent).block.body.height) + 1
      const mine = members[(height + turn) % members.length] === self
      return [
        ...(mine ? [{ type: 'propose', parent: offer.parent, proof: { turn } }] : []),
        { type: 'arm', timer: 'turn', ms: params.turnMs },
      ]
    }
    return {
      handle(event) {
        if (event.type === 'ready') {
          offer = event
          turn = 0
          return next()
        }
        if (event.type === 'timeout' && offer !== undefined) {
          turn += 1
          return next()
        }
        if (event.type === 'block' && event.isHead) {
          offer = undefined
          return [{ type: 'disarm', timer: 'turn' }]
        }
        return []
      },
    }
  },
`,
    test: `const members = ['a', 'b', 'c']
const run = { manifest: { members } }
const block = (height, author, turn) => ({ body: { height, author, proof: { turn } } })

test('is written by the member whose turn it is', () => {
  const { check } = plugin.rules({ run })
  check(block(1, 'b', 0))
  check(block(1, 'c', 1))
  assert.throws(() => check(block(1, 'a', 0)), /not its turn/)
})

test('is offered by a member when those before it are silent', () => {
  const member = plugin.participant({ run, params: { turnMs: 10 }, self: 'c', view: {} })
  const types = (event) => member.handle(event).map(({ type }) => type)
  assert.deepEqual(types({ type: 'ready', parent: null }), ['arm'])
  assert.deepEqual(types({ type: 'timeout' }), ['propose', 'arm'])
})
`,
  },
  'pre-aggregator': {
    about: 'A pre-aggregator: each model is moved towards the mean of all.',
    body: `  formula: 'x ← (1 − a)·x + a·mean',
  source: 'mine',
  params: [{ name: 'a', default: 0.1, min: 0, max: 1, meaning: 'step size; 0 changes nothing' }],

  // models: finite vectors, the node's own first. Return one for each, in the same order.
  mix({ models, params: { a } }) {
    const mean = models[0].map((_, k) => models.reduce((sum, x) => sum + x[k], 0) / models.length)
    return models.map((x) => x.map((value, k) => (1 - a) * value + a * mean[k]))
  },
`,
    test: `test('moves models towards their mean', () => {
  const models = [Float32Array.of(0), Float32Array.of(1)]
  assert.deepEqual(plugin.mix({ models, params: { a: 1 } }).map((x) => x[0]), [0.5, 0.5])
})
`,
  },
  attack: {
    about: 'An attack on the model: the node’s own update, reversed and scaled.',
    body: `  formula: 'start − scale·(own − start)',
  source: 'mine',
  // Whose models of the round it sees: own, neighbours or all.
  knowledge: 'own',
  params: [{ name: 'scale', default: 2, min: 0, max: 1000, meaning: 'length of the update sent, 1 is the honest one' }],

  // view: own (trained honestly), start (of this round's training), honest (models that it sees), round, rounds, rng.
  craft({ own, start }, { scale }) {
    return own.map((value, k) => start[k] - scale * (value - start[k]))
  },
`,
    test: `test('reverses the update', () => {
  const view = { own: Float32Array.of(2), start: Float32Array.of(1) }
  assert.deepEqual([...plugin.craft(view, { scale: 2 })], [-1])
})
`,
  },
  topology: {
    about: 'A topology: a ring in which every node is also connected to the opposite node.',
    body: `  meaning: 'a ring with chords to the opposite node',
  params: [],

  // Pairs of different nodes in 0 … n−1, each pair once; random ones are drawn from rng alone.
  edges(n) {
    const edges = []
    const add = (a, b) => {
      if (a !== b && !edges.some(([p, q]) => (p === a && q === b) || (p === b && q === a))) edges.push([a, b])
    }
    for (let i = 0; i < n; i++) add(i, (i + 1) % n)
    for (let i = 0; i < n / 2; i++) add(i, (i + Math.floor(n / 2)) % n)
    return edges
  },
`,
    test: `test('connects a node to the opposite node', () => {
  assert.ok(plugin.edges(6).some(([a, b]) => a === 0 && b === 3))
})
`,
  },
  measure: {
    about: 'A measure: assertions compare it; matrices and reports show it.',
    body: `  label: 'honest nodes above 80 %',
  // share, bytes, seconds, milliseconds, number or count
  unit: 'share',
  // high, low or null
  better: 'high',
  description: 'share of the honest nodes whose last test accuracy is above 80 %',

  // score: the run in numbers; record: nodes, and for each its rounds with report and elapsedMs. null: not measurable.
  of(score, record) {
    const last = record.nodes
      .filter((node) => node.attack === null)
      .map((node) => record.records[node.index].rounds.at(-1)?.report.testMetric ?? null)
      .filter((accuracy) => accuracy !== null)
    return last.length === 0 ? null : last.filter((accuracy) => accuracy > 0.8).length / last.length
  },
`,
    test: `test('counts honest nodes', () => {
  const nodes = [{ index: 0, attack: null }, { index: 1, attack: 'ipm' }]
  const records = nodes.map(() => ({ rounds: [{ report: { testMetric: 0.9 } }] }))
  assert.equal(plugin.of({}, { nodes, records }), 1)
})
`,
  },
}
