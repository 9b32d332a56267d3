/** What should be known of a model that leaves a run: where it comes from, what it does, what was measured. */

import { classNamesOf } from '../task/task.js'
import type { Task } from '../task/task-schema.js'

export interface ModelCard {
  readonly run: {
    readonly id: string
    readonly name: string
    readonly members: number
    readonly rule: string
  }
  /** Peer id of the node whose aggregate this is, the round (from 1) and the ledger entry that names it. */
  readonly node: string
  readonly round: number
  readonly entry: string
  /** CID of the parameters as nodes exchange them. */
  readonly model: string
  /** File with the proof that the entry is final, beside the card; null while it is not. */
  readonly proof: string | null
  /** SHA-256 commitment to the node's own data, as its ledger has it; hexadecimal. */
  readonly dataCommitment: string | null
  /** As the node measured it on its own test data. */
  readonly metrics: { readonly name: string; readonly value: number | null; readonly loss: number | null }
  /** What the node has spent by then; null in runs without differential privacy. */
  readonly privacy: {
    readonly on: 'sample' | 'update'
    readonly clip: number
    readonly noiseMultiplier: number
    readonly epsilon: number
    readonly delta: number
    readonly steps: number
    readonly samplingRate: number
  } | null
  readonly task: Task
  readonly parameters: number
  /** Tensors of the file by the names that they have there; null in formats of programs, such as ONNX. */
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[] | null
  readonly licence: string
  readonly tempered: string
}

/** The card as Markdown with the facts as YAML at its head, as model hubs read it. */
export function modelCardText(card: ModelCard): string {
  const { run, task, metrics } = card
  const value = metrics.value === null ? 'not measured in this round' : Number(metrics.value.toPrecision(4))
  return `---
license: ${JSON.stringify(card.licence)}
library_name: tempered
tags: [federated-learning, byzantine-robust, tempered]
---

# ${task.name}

A model of ${card.parameters.toLocaleString('en')} parameters, trained by ${run.members} nodes without a server, under the
rule ${run.rule}. It is the aggregate of one node after round ${card.round}.

| | |
|---|---|
| run | ${run.name}, \`${run.id}\` |
| node | \`${card.node}\` |
| ledger entry | \`${card.entry}\` |
| model | \`${card.model}\` |
| final | ${card.proof === null ? 'not shown: no proof lies beside this card' : `proven by ${card.proof}; check it with \`tempered ledger check\``} |
| own data | ${card.dataCommitment === null ? 'no commitment' : `commitment \`${card.dataCommitment}\``} |
| ${metrics.name} | ${value}, on the node's own test data |
${privacyRow(card.privacy)}| written by | Tempered ${card.tempered} |

## Input and output

${inputText(task.input)}

${outputText(task)}
${tensorsText(card)}
## The task

\`\`\`json
${JSON.stringify(task, null, 2)}
\`\`\`
`
}

function privacyRow(privacy: ModelCard['privacy']): string {
  if (privacy === null) return ''
  const { on, clip, noiseMultiplier, epsilon, delta, steps, samplingRate } = privacy
  const rate = Number(samplingRate.toPrecision(4))
  const what =
    on === 'update'
      ? 'all that the node trained on'
      : `each sample of the node, a share of ${rate} of which was in a step by its own word`
  return `| differential privacy | ε = ${Number(epsilon.toPrecision(4))} at δ = ${delta} for ${what}; ${steps} noisy steps, clip ${clip}, noise multiplier ${noiseMultiplier}. Of the other members their own ledgers say it |\n`
}

/** The tensors as the file names them; the task's layout has other names. */
function tensorsText({ tensors, task }: ModelCard): string {
  if (tensors === null) return ''
  const same = JSON.stringify(tensors) === JSON.stringify(task.layout)
  const listed = tensors.map(({ name, shape }) => `| \`${name}\` | ${shape.join('×') || 'one number'} |`)
  const note = same
    ? ''
    : ' They have the names and shapes of PyTorch modules; the layout of the task below has those of Tempered, where a ' +
      '`weight` is called `kernel` or `scale`, and the `bias` of a normalisation `shift`.'
  return `
## Tensors of the file

In the order of the file.${note}

| tensor | shape |
|---|---|
${listed.join('\n')}
`
}

function inputText(input: Task['input']): string {
  switch (input.type) {
    case 'image':
      return `Images of ${input.shape.join('×')} (height, width, channels), values in [0, 1]${
        input.mean === undefined && input.deviation === undefined
          ? ''
          : `, minus mean ${JSON.stringify(input.mean ?? 0)}, divided by ${JSON.stringify(input.deviation ?? 1)} per channel`
      }.`
    case 'table':
      return `Rows of ${input.columns.length} columns, encoded as the task below says: numbers minus mean, divided by deviation; categories as 0 or 1 per value.`
    case 'tensor':
      return `Tensors of ${input.shape.join('×')}, minus ${input.mean}, divided by ${input.deviation}.`
    case 'text':
      return `Texts as ${input.length} tokens (${input.unit}); 0 fills up, 1 is an unknown token.`
  }
}

function outputText(task: Task): string {
  const { output } = task
  switch (output.type) {
    case 'class':
      return `Logits of the classes ${classNamesOf(task).slice(0, 100).join(', ')}.`
    case 'labels':
      return `Logits of the labels ${output.columns.join(', ')}; above 0 means yes.`
    case 'number':
      return `Numbers; multiply by the deviation and add the mean: ${output.columns.map(({ name, mean, deviation }) => `${name} (${deviation}, ${mean})`).join(', ')}.`
    case 'next-token':
      return 'Logits of the next token at every position.'
  }
}
