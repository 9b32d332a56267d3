import { counted, printable } from '@tempered/errors'
import {
  type ArraySummary,
  type ColumnSummary,
  type DataSource,
  type Dataset,
  hasLabels,
  labelsOf,
  type SourceSummary,
  singleClass,
  type TableSummary,
} from '@tempered/train'
import pc from 'picocolors'
import { singleClassText } from './scenario-text.js'
import { foldedTable, table } from './table.js'

/** Labels that are listed one by one. */
const SHOWN_LABELS = 20
const SHOWN_VALUES = 5

/** A source for people. */
export function renderSource(summary: SourceSummary, width: number): string[] {
  const { source, format, train, test, classNames = [], notices } = summary
  const part = (samples: TableSummary | ArraySummary): string[] =>
    'rows' in samples ? tableLines(samples, width) : arrayLines(samples, classNames)
  const lines = [`${pc.bold(source)}: ${format}`, ...part(train)]
  if (test !== undefined) lines.push('', pc.bold('test samples'), ...part(test))
  return [...lines, ...notices.map((notice) => pc.yellow(`note: ${printable(notice)}`))]
}

function tableLines({ rows, columns, first }: TableSummary, width: number): string[] {
  const header = ['column', 'type', 'missing', 'distinct', 'min', 'max', 'mean', 'values']
  return [
    `${counted(rows, 'row')}, ${counted(columns.length, 'column')}`,
    '',
    ...foldedTable(
      [header.map((text) => pc.dim(text)), ...columns.map(columnRow)],
      new Set([2, 3, 4, 5, 6]),
      width,
    ),
    ...(first.length === 0
      ? []
      : [
          '',
          pc.dim('first rows'),
          ...foldedTable(
            [columns.map(({ name }) => pc.dim(short(name))), ...first.map((row) => row.map(short))],
            new Set(),
            width,
          ),
        ]),
  ]
}

function columnRow({ name, type, missing, distinct, min, max, mean, values }: ColumnSummary): string[] {
  const most = (values ?? []).slice(0, SHOWN_VALUES).map(({ value, count }) => `${short(value)} ${count}`)
  const more = (values?.length ?? 0) > SHOWN_VALUES ? ', …' : ''
  const listed = type === 'category' || (type === 'number' && (distinct ?? Infinity) <= SHOWN_LABELS)
  return [
    short(name),
    type,
    String(missing),
    distinct === undefined ? '> 1000' : String(distinct),
    ...[min, max, mean].map((value) => (value === undefined ? '' : plainNumber(value))),
    listed ? most.join(', ') + more : '',
  ]
}

function arrayLines(summary: ArraySummary, names: readonly string[]): string[] {
  const { samples, shape, type, min, max, mean, deviation, notFinite, targets } = summary
  const facts = [
    ['samples', String(samples)],
    ['shape', `${shape.join('×') || '1'} ${type}`],
    ['values', samples === 0 ? '' : `${plainNumber(min)} to ${plainNumber(max)}`],
    ['mean', mean.map(plainNumber).join(', ')],
    ['deviation', deviation.map(plainNumber).join(', ')],
    ...(notFinite === 0 ? [] : [['NaN or infinite', String(notFinite)]]),
    ...(targets === undefined
      ? [['targets', 'none']]
      : [['targets', `${targets.shape.join('×')} ${targets.type}`]]),
  ]
  const labels = targets?.labels
  return [...table(facts, new Set()), ...(labels === undefined ? [] : ['', ...labelLines(labels, names)])]
}

function labelLines(counts: readonly number[], names: readonly string[]): string[] {
  const most = Math.max(1, ...counts)
  const rows = counts
    .map((count, label) => [
      names[label] ?? String(label),
      String(count),
      '█'.repeat(Math.ceil((20 * count) / most)),
    ])
    .slice(0, SHOWN_LABELS)
  const more = counts.length > SHOWN_LABELS ? [pc.dim(`and ${counts.length - SHOWN_LABELS} labels more`)] : []
  return [...table([[pc.dim('label'), pc.dim('samples'), ''], ...rows], new Set([1])), ...more]
}

/** What to know about the samples that a task makes of a source before a node trains on them. */
export function loadedNotices({ train, notices = [] }: DataSource): string[] {
  const found = [...notices]
  if (train.count === 0)
    found.push(
      'there is no training sample: a node with this data takes part as a relay, which does not train',
    )
  else if (hasLabels(train) && train.classes > 1 && singleClass(labelCounts(train)) !== undefined)
    found.push(singleClassText('the training data'))
  return found
}

/** What a task makes of a source, for people. */
export function renderLoaded(source: DataSource): string[] {
  const { train, test } = source
  return [
    `${counted(train.count, 'training sample')} and ${counted(test.count, 'test sample')} of ${train.shape.join('×')} numbers`,
    ...(hasLabels(train) && train.classes <= 1000 ? ['', ...sharedLabels(train, test)] : []),
    ...loadedNotices(source).map((notice) => pc.yellow(`note: ${printable(notice)}`)),
  ]
}

function sharedLabels(train: Dataset, test: Dataset): string[] {
  const [own, tests] = [labelCounts(train), labelCounts(test)]
  const rows = own
    .map((count, label) => [train.classNames?.[label] ?? String(label), String(count), String(tests[label])])
    .slice(0, SHOWN_LABELS)
  const more = own.length > SHOWN_LABELS ? [pc.dim(`and ${own.length - SHOWN_LABELS} labels more`)] : []
  const header = [pc.dim('label'), pc.dim('training'), pc.dim('test')]
  return [...table([header, ...rows], new Set([1, 2])), ...more]
}

/** How often each label occurs. */
export function labelCounts(dataset: Dataset): number[] {
  const counts = new Array<number>(dataset.classes).fill(0)
  for (const label of labelsOf(dataset)) counts[label] = (counts[label] as number) + 1
  return counts
}

function short(text: string): string {
  const line = printable(text.replaceAll(/\s+/g, ' '))
  return line.length > 30 ? `${line.slice(0, 29)}…` : line
}

/** At most six significant digits. */
export function plainNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)))
}
