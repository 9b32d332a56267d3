// Who may import whom: cli → {settlement, report → lab} → node → {train, chain, secagg} → {protocol, robust-agg} → errors. `npm run lint` checks it.

/** Each package, and those that it must not know of. */
const FORBIDDEN = {
  errors: [
    'protocol',
    'robust-agg',
    'chain',
    'secagg',
    'train',
    'node',
    'lab',
    'settlement',
    'report',
    'cli',
  ],
  protocol: ['robust-agg', 'chain', 'secagg', 'train', 'node', 'lab', 'settlement', 'report', 'cli'],
  'robust-agg': ['protocol', 'chain', 'secagg', 'train', 'node', 'lab', 'settlement', 'report', 'cli'],
  chain: ['train', 'secagg', 'robust-agg', 'node', 'lab', 'settlement', 'report', 'cli'],
  secagg: ['train', 'chain', 'node', 'lab', 'settlement', 'report', 'cli'],
  train: ['chain', 'secagg', 'node', 'lab', 'settlement', 'report', 'cli'],
  node: ['lab', 'settlement', 'report', 'cli'],
  lab: ['settlement', 'report', 'cli'],
  settlement: ['lab', 'report', 'cli'],
  report: ['settlement', 'cli'],
}

/** Rooms of packages/lab from the ground up: each may import from those before it, not from those after it. */
const LAB_ROOMS = [
  'text',
  'documents',
  'faults',
  'adversary',
  'events',
  'measures',
  'plugins',
  'scenario',
  'stage',
  'cluster',
  'simulate',
  'run',
  'matrix',
  'red-team',
  'averaging',
  'gradient-inversion',
  'library',
]

const source = (names) => `^packages/(${names.join('|')})/(src|dist)/`

export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'No file imports itself by way of others, not even for a type.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { circular: true },
    },
    ...Object.entries(FORBIDDEN).map(([name, above]) => ({
      name: `${name}-points-down`,
      comment: `packages/${name} knows nothing of ${above.join(', ')}.`,
      severity: 'error',
      from: { path: source([name]) },
      to: { path: source(above) },
    })),
    ...LAB_ROOMS.slice(0, -1).map((room, k) => ({
      name: `lab-${room}-points-down`,
      comment: `packages/lab/src/${room} knows nothing of ${LAB_ROOMS.slice(k + 1).join(', ')}.`,
      severity: 'error',
      from: { path: `^packages/lab/src/${room}/` },
      to: { path: `^packages/lab/src/(${LAB_ROOMS.slice(k + 1).join('|')})/` },
    })),
    {
      name: 'cli-rooms-point-down',
      comment: 'terminal, config and machines know nothing of commands.',
      severity: 'error',
      from: { path: '^packages/cli/src/(terminal|config|machines)/' },
      to: { path: '^packages/cli/src/commands/' },
    },
    {
      name: 'pure',
      comment:
        'These run in a browser. Exceptions: threads, and the hashes and signatures of node:crypto in protocol.',
      severity: 'error',
      from: {
        path: source(['errors', 'protocol', 'robust-agg', 'chain', 'secagg']),
        pathNot: '/src/threads/|^packages/protocol/src/(identity|hashing)[.]ts$',
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-barrel-inside',
      comment: 'A file imports the file it needs, not an index of its own package.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/', pathNot: '/index[.]ts$' },
      to: { path: ['^packages/$1/src/index[.]ts$', '^packages/$1/src/[^/]+/index[.]ts$'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
}
