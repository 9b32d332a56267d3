import { counted } from '@tempered/errors'
import { openTaskFile, readInitial } from '@tempered/lab/documents'
import { cacheFolder, loadData, type OpenTask, type Operation } from '@tempered/train'
import pc from 'picocolors'
import { loadedNotices, renderLoaded } from '../terminal/source-text.js'
import { table } from '../terminal/table.js'

export interface TaskCheckOptions {
  readonly data?: string
  readonly json?: boolean
}

/** `tempered task check`: the task resolved, with the layers of its model; exit code 2 for a mistake, 3 for bad data. */
export async function taskCheck(file: string, { data, json }: TaskCheckOptions): Promise<void> {
  const { open, initial } = await openTaskFile(file)
  if (initial !== undefined) await readInitial(initial, open)
  const loaded = data === undefined ? undefined : await loadData({ source: data }, cacheFolder(), open)
  if (json) {
    const { task, inputShape, outputs, parameterCount } = open
    const counts = loaded && {
      train: loaded.train.count,
      test: loaded.test.count,
      notices: loadedNotices(loaded),
    }
    process.stdout.write(
      `${JSON.stringify({ task, inputShape, outputs, parameterCount, initial: initial ?? null, data: counts })}\n`,
    )
    return
  }
  const lines = [
    `${pc.green('ok')}  ${file}: ${pc.bold(open.task.name)}`,
    ...facts(open, initial),
    '',
    ...layerTable(open),
  ]
  if (loaded !== undefined) lines.push('', `${data}:`, ...renderLoaded(loaded))
  process.stdout.write(`${lines.join('\n')}\n`)
}

function facts(
  { task, inputShape, outputs, parameterCount }: OpenTask,
  initial: string | undefined,
): string[] {
  const { input, output, loss, metrics, optimiser } = task
  const rows = [
    ['input', `${input.type}, ${inputShape.join('×')}`],
    [
      'output',
      `${output.type}, ${counted(outputs, 'number')}${output.type === 'next-token' ? ' per position' : ''}`,
    ],
    ['loss', loss],
    ['metrics', metrics.join(', ')],
    ['optimiser', optimiser.kind],
    ['parameters', parameterCount.toLocaleString('en')],
    ...(initial === undefined ? [] : [['begins with', initial]]),
  ]
  return table(
    rows.map(([label = '', text = '']) => ['   ', pc.dim(label), text]),
    new Set(),
  )
}

function layerTable({ model, task }: OpenTask): string[] {
  if (model === undefined) {
    return [`the model is not made of layers: ${counted(task.layout.length, 'tensor')}`]
  }
  const rows: string[][] = []
  const visit = (operations: readonly Operation[], depth: number): void => {
    for (const operation of operations) {
      const own = operation.tensors.reduce((sum, k) => sum + (model.tensors[k]?.length ?? 0), 0)
      const { kind, path, output } = operation
      const count = own === 0 ? '' : own.toLocaleString('en')
      rows.push(['   ', `${'  '.repeat(depth)}${path}`, described(operation), output.join('×'), count])
      if (kind !== 'residual') continue
      visit(operation.body, depth + 1)
      visit(operation.shortcut, depth + 1)
    }
  }
  visit(model.operations, 0)
  const header = ['   ', 'layer', 'kind', 'output', 'parameters'].map((text) => pc.dim(text))
  return table([header, ...rows], new Set([4]))
}

function described(operation: Operation): string {
  const activation = 'activation' in operation ? operation.activation : 'linear'
  if (operation.kind === 'activation') return activation
  return activation === 'linear' ? operation.kind : `${operation.kind}, ${activation}`
}
