import { existsSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { counted } from '@tempered/errors'
import { openTaskText, readInitial } from '@tempered/lab/documents'
import { writeFileAtomic } from '@tempered/node'
import { BUILT_IN_MODELS, cacheFolder, inspectSource } from '@tempered/train'
import { CliError } from '../errors.js'
import { draftTask } from '../tasks/task-draft.js'
import { defaultModel, EXAMPLE_DRAFT, taskTemplate } from '../tasks/task-template.js'
import { renderSource } from '../terminal/source-text.js'
import { widthOf } from '../terminal/table.js'

export interface TaskInitOptions {
  readonly data?: string
  readonly target?: string
  readonly model?: string
  /** The model.json of a tfjs LayersModel. */
  readonly from?: string
  readonly statistics: 'own' | 'none'
  readonly out: string
  readonly force?: boolean
}

/** `tempered task init`: a commented task, with --data taken from a source; it passes `task check` before it is written. */
export async function taskInit(options: TaskInitOptions): Promise<void> {
  const { data, target, model, from, statistics, out } = options
  checkOptions(options)
  const own = statistics === 'own'
  const summary = data === undefined ? undefined : await inspectSource(data, cacheFolder())
  const draft = summary === undefined ? EXAMPLE_DRAFT : draftTask(summary, { target, own })
  const given =
    data === undefined ? '' : ` --data ${data}${target === undefined ? '' : ` --target ${target}`}`
  const file = from === undefined ? undefined : relative(dirname(out), from)
  const chosen = model ?? file ?? defaultModel(draft)
  const command = `tempered task init${given}${from === undefined ? '' : ` --from ${from}`}`
  const text = taskTemplate(draft, file === undefined ? chosen : { layersModel: file }, own, command)
  const open = await openTaskText(out, text)
  if (from !== undefined) await readInitial(from, open)
  if (summary !== undefined)
    process.stderr.write(`${renderSource(summary, widthOf(process.stderr)).join('\n')}\n\n`)
  for (const note of draft.notes) process.stderr.write(`note: ${note}\n`)
  await writeFileAtomic(out, text)
  process.stderr.write(
    `wrote ${out}: ${draft.kind} from ${inputText(open.inputShape, draft.samples)}, model ${chosen} with ${open.parameterCount} parameters\n` +
      `next: ./tempered task check ${out}${data === undefined ? '' : ` --data ${data}`}\n`,
  )
}

function inputText(shape: readonly number[], samples: string): string {
  const unit = samples === 'text' ? 'token' : 'number'
  const [length = 1] = shape
  return shape.length === 1 ? counted(length, unit) : `${shape.join('×')} ${unit}s`
}

/** Throws E_USAGE for options that do not go together. */
function checkOptions({ data, target, model, from, out, force }: TaskInitOptions): void {
  if (!force && existsSync(out))
    throw new CliError('E_USAGE', `${out} already exists; name another --out or give --force`)
  const models = [...BUILT_IN_MODELS, 'layers']
  if (model !== undefined && !models.includes(model))
    throw new CliError('E_USAGE', `--model ${model}: choose from ${models.join(', ')}`)
  if (data === undefined && target !== undefined)
    throw new CliError('E_USAGE', '--target is a column of the data; give --data as well')
  if (from !== undefined && model !== undefined)
    throw new CliError('E_USAGE', 'give --model or --from, not both')
  if (from !== undefined && data === undefined)
    throw new CliError('E_USAGE', '--from is a model, and the task needs its data too; give --data as well')
}
