import { basename, extname } from 'node:path'
import { nearestName } from '@tempered/errors'
import {
  type ArraySummary,
  type ColumnSummary,
  DataError,
  type SourceSummary,
  type TableSummary,
} from '@tempered/train'
import { CliError } from '../errors.js'

/** A task as YAML lines for each of its sections. */
export interface TaskDraft {
  readonly name: string
  readonly input: readonly string[]
  readonly output: readonly string[]
  readonly kind: 'class' | 'number' | 'next-token'
  /** Kind of the samples, from which the model follows. */
  readonly samples: 'table' | 'vector' | 'image' | 'tensor' | 'text'
  /** Numbers that the model returns. */
  readonly outputs: number
  /** What to know before using it, for the terminal. */
  readonly notes: readonly string[]
}

export interface DraftOptions {
  readonly target?: string | undefined
  /** Whether mean and deviation of this data are written. */
  readonly own: boolean
}

const TARGET_NAMES = ['label', 'class', 'target', 'y']
/** Whole numbers of at most so many different values are classes. */
const MOST_NUMBER_CLASSES = 20
const TOKENS = 64
const SMALLEST_FOR_CNN = 10
/** The most columns that a message lists. */
const MOST_LISTED = 50

/** A task that fits a source. Throws E_USAGE when the target cannot be found or used. */
export function draftTask(summary: SourceSummary, options: DraftOptions): TaskDraft {
  return 'rows' in summary.train
    ? tableDraft(summary.source, summary.train, options)
    : arrayDraft(summary, summary.train, options)
}

/** A name or a value as YAML. */
export function scalar(text: string): string {
  const plain =
    /^[\p{L}_][\p{L}\p{N} _.-]*$/u.test(text) && !/^(true|false|null|yes|no|on|off|~)$/i.test(text)
  return plain && text === text.trim() ? text : JSON.stringify(text)
}

function flow(values: readonly string[]): string {
  return `[${values.map(scalar).join(', ')}]`
}

function nameOfSource(source: string): string {
  const name = basename(source).replace(/\.gz$/, '')
  return (name.slice(0, name.length - extname(name).length) || 'own-task').slice(0, 100)
}

function tableDraft(source: string, { file, columns, rows }: TableSummary, options: DraftOptions): TaskDraft {
  const names = columns.map(({ name }) => name)
  if (rows === 0) throw new DataError('E_DATA_EMPTY', 'has no rows, from which types are taken', { file })
  const texts = columns.filter(({ type, name }) => type === 'text' && name !== options.target)
  const target = targetOf(file, names, options.target, isTextAlone(names, texts))
  const others = columns.filter((column) => column !== columns[names.indexOf(target ?? '')])
  const usable = others.filter(({ type }) => type === 'number' || type === 'category')
  const notes: string[] = []
  const [text] = texts
  if (text !== undefined && (target === undefined || usable.length === 0))
    return textDraft(
      source,
      file,
      text.name,
      columns.find(({ name }) => name === target),
    )
  if (usable.length === 0)
    throw new CliError('E_USAGE', `${file}: no column is left to predict "${target}" from`)
  const output = outputLines(file, columns[names.indexOf(target as string)] as ColumnSummary, options.own)
  for (const { name, type } of others)
    if (!usable.some((column) => column.name === name))
      notes.push(`column "${name}" is left out: ${why(type)}${adviceFor(columns, name)}`)
  for (const { name, distinct, whole } of usable)
    if (whole === true && distinct === rows && rows > 10)
      notes.push(
        `column "${name}" has another whole number in every row; take it out if it only numbers them`,
      )
  return {
    name: nameOfSource(source),
    input: [
      'type: table',
      'columns:',
      ...usable.flatMap((column) => columnLines(column, options.own)),
      ...others
        .filter(({ type }) => type === 'text')
        .map(({ name }) => `  # ${name}: left out, it holds texts`),
    ],
    samples: 'table',
    notes,
    ...output,
  }
}

/** For a column of texts that look like numbers written another way. */
function adviceFor(columns: readonly ColumnSummary[], name: string): string {
  const column = columns.find((one) => one.name === name)
  return column?.advice === undefined ? '' : `; if they are numbers, ${column.advice}`
}

function why(type: ColumnSummary['type']): string {
  return type === 'empty' ? 'it has no values' : 'it holds texts'
}

function columnLines(
  { name, type, missing, mean, deviation, values }: ColumnSummary,
  own: boolean,
): string[] {
  const gaps = missing > 0 ? ', missing: drop' : ''
  const about =
    missing > 0 ? ['  # Some rows have no value here: drop leaves them out; or { impute: … }.'] : []
  if (type === 'category') {
    const listed = (values ?? []).map(({ value }) => value).sort()
    return [
      ...about,
      `  - { name: ${scalar(name)}, type: category, values: ${flow(listed)}, other: refuse${gaps} }`,
    ]
  }
  const [center, spread] = own ? [rounded(mean), rounded(deviation, 1)] : ['0', '1']
  return [
    ...about,
    `  - { name: ${scalar(name)}, type: number, mean: ${center}, deviation: ${spread}${gaps} }`,
  ]
}

/** Four significant digits; `least` in place of 0, which would be divided by. */
function rounded(value = 0, least = 0): string {
  return String(Number(value.toPrecision(4)) || least)
}

function targetOf(
  file: string,
  names: readonly string[],
  given: string | undefined,
  isText: boolean,
): string | undefined {
  if (given !== undefined) {
    if (names.includes(given)) return given
    const near = nearestName(given, names)
    const hint = near === undefined ? '' : `; did you mean "${near}"?`
    throw new CliError(
      'E_USAGE',
      `--target ${given}: ${file} has no such column${hint === '' ? ';' : hint} it has ${listed(names)}`,
    )
  }
  const found = names.find((name) => TARGET_NAMES.includes(name.toLowerCase()))
  if (found !== undefined || isText) return found
  throw new CliError('E_USAGE', `say with --target which column is predicted; ${file} has ${listed(names)}`)
}

/**
 * Whether a table is nothing but text, of which a language model can be made: another with a column of texts may have
 * names or numbers of persons in it, and something else to predict.
 */
function isTextAlone(names: readonly string[], texts: readonly ColumnSummary[]): boolean {
  const [text, other] = texts
  return (
    text !== undefined && other === undefined && (names.length === 1 || text.name.toLowerCase() === 'text')
  )
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, MOST_LISTED).join(', ')}${names.length > MOST_LISTED ? ', …' : ''}`
}

type Output = Pick<TaskDraft, 'output' | 'kind' | 'outputs'>

function outputLines(file: string, column: ColumnSummary, own: boolean): Output {
  const { name, type, distinct, whole, values, mean, deviation } = column
  const fewNumbers = whole === true && (distinct ?? Infinity) <= MOST_NUMBER_CLASSES
  if (type === 'number' && !fewNumbers) {
    const [center, spread] = own ? [rounded(mean), rounded(deviation, 1)] : ['0', '1']
    return {
      output: [
        'type: number',
        'columns:',
        `  - { name: ${scalar(name)}, mean: ${center}, deviation: ${spread} }`,
      ],
      kind: 'number',
      outputs: 1,
    }
  }
  if (type === 'empty' || values === undefined)
    throw new CliError(
      'E_USAGE',
      `${file}: column "${name}" ${type === 'empty' ? 'has no values' : 'has more than 1000 different texts, too many for classes'}; name another --target`,
    )
  const classes = values.map(({ value }) => value)
  classes.sort(type === 'number' ? (a, b) => Number(a) - Number(b) : undefined)
  if (classes.length < 2)
    throw new CliError(
      'E_USAGE',
      `${file}: column "${name}" has the value ${classes[0]} alone; there is nothing to tell apart, name another --target`,
    )
  return {
    output: ['type: class', `column: ${scalar(name)}`, `classes: ${flow(classes)}`],
    kind: 'class',
    outputs: classes.length,
  }
}

function textDraft(source: string, file: string, text: string, target: ColumnSummary | undefined): TaskDraft {
  const input = [
    'type: text',
    `column: ${scalar(text)}`,
    `length: ${TOKENS} # tokens per sample`,
    'unit: byte # or character or word, with their vocabulary',
  ]
  const output: Output =
    target === undefined
      ? { output: ['type: next-token'], kind: 'next-token', outputs: 257 }
      : outputLines(file, target, false)
  return { name: nameOfSource(source), input, samples: 'text', notes: [], ...output }
}

function arrayDraft(summary: SourceSummary, train: ArraySummary, { own, target }: DraftOptions): TaskDraft {
  const { source, images, classNames } = summary
  if (target !== undefined)
    throw new CliError('E_USAGE', `--target ${target}: ${source} is an array without columns; leave it out`)
  const { shape, mean, deviation, targets } = train
  const labels = targets?.labels
  const known = classNames ?? []
  const classes = Math.max(2, known.length, labels?.length ?? 0)
  const size = images && shape.length === 2 ? [...shape, 1] : shape
  const statistics = images
    ? [
        `mean: [${mean.map((value) => rounded(value)).join(', ')}]`,
        `deviation: [${deviation.map((value) => rounded(value, 1)).join(', ')}]`,
      ]
    : [`mean: ${rounded(mean[0])}`, `deviation: ${rounded(deviation[0], 1)}`]
  return {
    name: nameOfSource(source),
    input: [
      `type: ${images ? 'image' : 'tensor'}`,
      `shape: [${(size.length === 0 ? [1] : size).join(', ')}]${images ? ' # height, width, channels' : ''}`,
      ...(own ? statistics : []),
    ],
    // Smaller images are used up by the layers of the built-in CNN.
    samples:
      images && Math.min(...size.slice(0, 2)) >= SMALLEST_FOR_CNN
        ? 'image'
        : shape.length <= 1
          ? 'vector'
          : 'tensor',
    notes: targets === undefined ? ['there are no targets: save them as y beside x'] : [],
    ...(targets !== undefined && labels === undefined
      ? numberOutput(targets.shape)
      : {
          output: ['type: class', `classes: ${known.length === classes ? flow(known) : String(classes)}`],
          kind: 'class' as const,
          outputs: classes,
        }),
  }
}

function numberOutput([, ...more]: readonly number[]): Output {
  const width = more.reduce((product, size) => product * size, 1)
  const columns = Array.from({ length: width }, (_, k) => `  - { name: y${k}, mean: 0, deviation: 1 }`)
  return { output: ['type: number', 'columns:', ...columns], kind: 'number', outputs: width }
}
