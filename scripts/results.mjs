/**
 * Writes the tables of docs/results.md from the results of labs: `node scripts/results.mjs [folder]`, by default runs/.
 * A table is replaced when <folder>/<lab>/matrix.json is there, and left alone when it is not.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const DOCUMENT = new URL('../docs/results.md', import.meta.url)
const folder = process.argv[2] ?? 'runs'

/** `<!-- lab:name measure -->` opens a table, `<!-- /lab -->` closes it. */
const TABLE = /(<!-- lab:([a-z0-9-]+) ([A-Za-z]+) -->\n)[\s\S]*?(<!-- \/lab -->)/g

const text = await readFile(DOCUMENT, 'utf8')
const matrices = new Map()
for (const [, , lab] of text.matchAll(TABLE)) {
  const file = join(folder, lab, 'matrix.json')
  const json = await readFile(file, 'utf8').catch(() => undefined)
  if (json === undefined) process.stderr.write(`${file} is not there: its table stays as it is\n`)
  else matrices.set(lab, JSON.parse(json))
}
const written = text.replace(TABLE, (whole, open, lab, measure, close) => {
  const matrix = matrices.get(lab)
  return matrix === undefined ? whole : `${open}${tableOf(matrix, measure)}\n${close}`
})
await writeFile(DOCUMENT, written)

/** Rules across; down what else differs in the lab. */
function tableOf({ axes, cells, versions }, measure) {
  const rules = axes.rule
  const rowOf = (cell) =>
    [
      axes.topology.length > 1 ? cell.topology : '',
      axes.split.length > 1 ? cell.split : '',
      cell.attack === 'none' ? 'nobody attacks' : cell.attack,
      cell.attack !== 'none' &&
      axes.fraction.filter((share) => share > 0).length > 1 &&
      axes.topology.length === 1
        ? percent(cell.fraction, 0)
        : '',
    ]
      .filter((part) => part !== '')
      .join(', ')
  // A row of which nothing was measured says nothing: there is no backdoor in it, or it was not run.
  const told = cells.filter(
    ({ measures, status }) => status === 'failed' || (measures?.[measure] ?? null) !== null,
  )
  const rows = [...new Set(told.map(rowOf))]
  const seeds = [...new Set(cells.filter(({ measures }) => measures).map(({ seed }) => seed))].sort(
    (a, b) => a - b,
  )
  const lines = [
    `| | ${rules.map(escapePipes).join(' | ')} |`,
    `| --- | ${rules.map(() => '---:').join(' | ')} |`,
    ...rows.map((row) => {
      const values = rules.map((rule) =>
        cellText(
          cells.filter((cell) => rowOf(cell) === row && cell.rule === rule),
          measure,
        ),
      )
      return `| ${escapePipes(row)} | ${values.join(' | ')} |`
    }),
    '',
    `Seeds ${seeds.join(', ')}; Node ${versions.node ?? ''}.`.replace(' Node .', ''),
  ]
  return lines.join('\n')
}

function cellText(cells, measure) {
  const values = cells.flatMap(({ measures }) => measures?.[measure] ?? [])
  if (values.length === 0) return cells.some(({ status }) => status === 'failed') ? 'failed' : '–'
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const range = values.length > 1 ? ` (${percent(Math.min(...values))}–${percent(Math.max(...values))})` : ''
  return `${percent(mean)}${range}`
}

function percent(share, digits = 1) {
  return (100 * share).toFixed(digits)
}

function escapePipes(words) {
  return String(words).replaceAll('|', '\\|')
}
