import type { TaskDraft } from './task-draft.js'

const INPUT_NOTES: Readonly<Record<TaskDraft['samples'], readonly string[]>> = {
  table: ['Each number column is one input, each value of a category another.'],
  vector: ['Arrays of numbers, as they are in .npy and .npz files.'],
  tensor: ['Arrays of numbers, as they are in .npy and .npz files.'],
  image: ['Images as bytes, scaled to [0, 1]; images of another size are resized.'],
  text: ['Texts as tokens.'],
}

const STATISTICS: Readonly<Record<'own' | 'none', readonly string[]>> = {
  own: [
    'Mean and deviation are those of the data this was written from: every member of the run sees them in the',
    'manifest. Make sure that they may.',
  ],
  none: [
    'The model learns best from (value − mean)/deviation near ±1. Mean and deviation are left at 0 and 1, since',
    'statistics of one member’s data would tell all members about it. Write values that everybody may know: the middle',
    'and half the width of a plausible range, published statistics, or those of data that are public. If yours may be',
    'seen, use `tempered task init --statistics own`.',
  ],
}

const METRICS = {
  class: 'accuracy, f1, auroc, loss',
  number: 'mae, rmse, loss',
  'next-token': 'perplexity, accuracy, loss',
}
const LOSSES = { class: 'cross-entropy', number: 'squared, absolute or huber', 'next-token': 'cross-entropy' }

/** A built-in model, `layers` to list them, or the model.json of a tfjs LayersModel, relative to the file. */
export type TemplateModel = string | { readonly layersModel: string }

/** The commented file of a draft. */
export function taskTemplate(draft: TaskDraft, model: TemplateModel, own: boolean, command: string): string {
  const comment = (lines: readonly string[], indent = ''): string[] =>
    lines.map((line) => `${indent}# ${line}`)
  const listsValues = draft.input.some((line) => line.includes('type: category')) || draft.kind === 'class'
  return [
    ...comment([`Written by \`${command}\`. Check it with \`tempered task check <this file>\`.`]),
    `task: ${JSON.stringify(draft.name)}`,
    '',
    ...comment(INPUT_NOTES[draft.samples]),
    ...(draft.samples === 'text' ? [] : comment(STATISTICS[own ? 'own' : 'none'])),
    'input:',
    ...draft.input.map((line) => `  ${line}`),
    '',
    ...comment([
      'What is predicted.',
      ...(listsValues ? ['Values and classes are those of all members: add what others have.'] : []),
    ]),
    'output:',
    ...draft.output.map((line) => `  ${line}`),
    '',
    ...comment([
      `Loss: ${LOSSES[draft.kind]}. Metrics: ${METRICS[draft.kind]}; the first is the one that tables show.`,
    ]),
    `metrics: [${METRICS[draft.kind].split(', ')[0]}]`,
    '',
    ...comment([
      'softmax, mlp, cnn, resnet8, tabular-mlp, lstm-text, a list of layers, or a Keras model as',
      '{ layersModel: net/model.json }: see docs/tasks.md.',
    ]),
    ...modelLines(draft, model),
    '',
    ...comment(['sgd with the momentum of the run; or { kind: adam }.']),
    'optimiser: { kind: sgd }',
    '',
  ].join('\n')
}

/** The model that suits the samples. */
export function defaultModel({ samples, kind }: Pick<TaskDraft, 'samples' | 'kind'>): string {
  if (kind === 'next-token') return 'layers'
  return { table: 'tabular-mlp', vector: 'tabular-mlp', tensor: 'mlp', image: 'cnn', text: 'lstm-text' }[
    samples
  ]
}

function modelLines({ samples, kind, outputs }: TaskDraft, model: TemplateModel): string[] {
  if (typeof model !== 'string') return [`model: { layersModel: ${JSON.stringify(model.layersModel)} }`]
  if (model !== 'layers') return [`model: ${model}`]
  const layers = {
    table: ['layer: dense, units: 64, activation: relu', 'layer: dense, units: 32, activation: relu'],
    vector: ['layer: dense, units: 64, activation: relu', 'layer: dense, units: 32, activation: relu'],
    tensor: ['layer: flatten', 'layer: dense, units: 64, activation: relu'],
    image: [
      'layer: conv2d, filters: 16, kernel: 3, padding: same, activation: relu',
      'layer: global-average-pool',
    ],
    text: [
      'layer: embedding, vocabulary: 257, size: 32 # 256 bytes, and 0 to fill up',
      `layer: lstm, units: 64${kind === 'next-token' ? ', output: all' : ''}`,
    ],
  }[samples]
  return [
    'model:',
    '  layers:',
    ...[...layers, `layer: dense, units: ${outputs} # one per number that is predicted`].map((line) => {
      const [fields = '', ...about] = line.split(' # ')
      return `    - { ${fields} }${about.length > 0 ? ` # ${about.join(' # ')}` : ''}`
    }),
  ]
}

/** Without data: a table that shows every part. */
export const EXAMPLE_DRAFT: TaskDraft = {
  name: 'own-task',
  input: [
    'type: table # or image, tensor, text',
    'columns:',
    '  - { name: age, type: number, mean: 50, deviation: 20, missing: { impute: 50 } }',
    '  - { name: sex, type: category, values: [female, male], other: zero, missing: drop }',
  ],
  output: [
    'type: class # or labels (several columns of 0 or 1), number, next-token',
    'column: diagnosis',
    'classes: [healthy, ill]',
  ],
  kind: 'class',
  samples: 'table',
  outputs: 2,
  notes: [],
}
