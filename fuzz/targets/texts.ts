import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { taskFileSchema } from '@tempered/train'
import { checkNodeConfig, nodeConfigSchema } from '../../packages/cli/src/config/node-config.js'
import { nodeTemplate } from '../../packages/cli/src/config/node-template.js'
import { documentText } from '../../packages/lab/src/documents/document-bytes.js'
import { type DocumentOptions, parseText } from '../../packages/lab/src/documents/load-document.js'
import { checkLab } from '../../packages/lab/src/matrix/lab-checks.js'
import { labSchema } from '../../packages/lab/src/matrix/lab-schema.js'
import { checkScenario, INDEPENDENT_KEYS } from '../../packages/lab/src/scenario/scenario-checks.js'
import { scenarioSchema } from '../../packages/lab/src/scenario/schema.js'
import { mutateText } from '../engine/mutate-text.js'
import { bareError, endless, greedy } from '../engine/plants.js'
import type { TargetEntry } from '../engine/target.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const yamlOf = (folder: string): Uint8Array[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => new Uint8Array(readFileSync(join(ROOT, folder, name))))

type Schema = Parameters<typeof parseText>[2]

const text = (
  name: string,
  about: string,
  files: readonly Uint8Array[],
  schema: Schema,
  options: DocumentOptions<Schema> = {},
): TargetEntry => ({
  name,
  about,
  open: () => ({
    valid: (random) => random.pick(files).slice(),
    mutate: mutateText,
    decode: (input) => parseText('x.yaml', documentText('x.yaml', input), schema, options),
    mostMs: 5_000,
    // One line for each of up to 50 mistakes.
    mostMessage: 64 * 1024,
    plants: [bareError('E_CONFIG'), endless('E_CONFIG'), greedy('E_CONFIG')],
  }),
})

const node = (data: number): Uint8Array =>
  Buffer.from(
    nodeTemplate({
      name: 'a',
      listen: ['/ip4/127.0.0.1/tcp/4101'],
      bootstrap: [],
      mdns: false,
      manifest: { file: 'm.json' },
      part: 0,
      parts: data,
    }),
  )

const TASK = `task: flowers
input:
  type: table
  columns:
    - { name: length, type: number, mean: 3.8, deviation: 1.7 }
    - { name: kind, type: category, values: [a, b] }
output: { type: class, column: c, classes: [x, y] }
model:
  layers:
    - { layer: dense, units: 4, activation: relu }
    - { layer: dense, units: 2 }
`

export const TEXTS: readonly TargetEntry[] = [
  text('scenario', 'scenario files (lab/scenario)', yamlOf('scenarios'), scenarioSchema, {
    check: checkScenario as never,
    independent: INDEPENDENT_KEYS,
  }),
  text(
    'lab',
    'lab files (lab/matrix)',
    yamlOf('scenarios/labs').filter(({ byteLength }) => byteLength < 1000),
    labSchema,
    { check: checkLab as never },
  ),
  text('node-config', 'node.yaml (cli/config)', [node(1), node(4)], nodeConfigSchema, {
    check: checkNodeConfig as never,
  }),
  text('task', 'task files (train/task)', [Buffer.from(TASK)], taskFileSchema),
]
