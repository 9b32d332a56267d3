/**
 * Writes the tables of docs/results.md from the results of labs: `node scripts/results.mjs [folder]`, by default runs/.
 * A table is replaced when <folder>/<lab>/matrix.json (or consensus.json) is there, and left alone when it is not.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const DOCUMENT = new URL('../docs/results.md', import.meta.url)
const folder = process.argv[2] ?? 'runs'

/**
 * `<!-- lab:name measure -->` opens a table, `<!-- /lab -->` closes it. With `down` after the measure, what follows the first
 * comma of a rule's name goes down instead of across.
 */
const TABLE = /(<!-- lab:([a-z0-9-]+) ([A-Za-z]+)( down)? -->\n)[\s\S]*?(<!-- \/lab -->)/g

const text = await readFile(DOCUMENT, 'utf8')
const matrices = new Map()
for (const [, , lab] of text.matchAll(TABLE)) {
  const [json] = await Promise.all(
    ['matrix.json', 'consensus.json'].map((name) =>
      readFile(join(folder, lab, name), 'utf8').catch(() => undefined),
    ),
  ).then((texts) => texts.filter((text) => text !== undefined))
  if (json === undefined)
    process.stderr.write(`${join(folder, lab)} has no results: its table stays as it is\n`)
  else matrices.set(lab, JSON.parse(json))
}
const written = text.replace(TABLE, (whole, open, lab, measure, down, close) => {
  const found = matrices.get(lab)
  if (found === undefined) return whole
  const matrix = down === undefined ? found : variantsDown(found)
  const table =
    matrix.consensus !== undefined
      ? consensusTable(matrix, measure)
      : measure === 'cost'
        ? costTable(matrix)
        : tableOf(matrix, measure)
  return `${open}${table}\n${close}`
})
await writeFile(DOCUMENT, written)

/** The same cells, with rules named up to their first comma and the rest as part of the attack's name. */
function variantsDown({ axes, cells, ...others }) {
  const apart = cells.map((cell) => {
    const [rule, ...variant] = cell.rule.split(', ')
    const attack = cell.attack === 'none' ? 'no attackers' : cell.attack
    return { ...cell, rule, attack: [variant.join(', ') || 'no noise', attack].join(', ') }
  })
  const rules = axes.rule.map((name) => name.split(', ')[0])
  return { ...others, axes: { ...axes, rule: [...new Set(rules)] }, cells: apart }
}

/** Rules across; the other varying axes down. */
function tableOf({ axes, cells, versions }, measure) {
  const rules = axes.rule
  const rowOf = (cell) =>
    [
      axes.topology.length > 1 ? cell.topology : '',
      axes.split.length > 1 ? cell.split : '',
      cell.attack === 'none' ? 'no attackers' : cell.attack,
      cell.attack !== 'none' &&
      axes.fraction.filter((share) => share > 0).length > 1 &&
      axes.topology.length === 1
        ? percent(cell.fraction, 0)
        : '',
    ]
      .filter((part) => part !== '')
      .join(', ')
  // Rows without any measured value are left out: they have no backdoor, or were not run.
  const measured = cells.filter(
    ({ measures, status }) => status === 'failed' || (measures?.[measure] ?? null) !== null,
  )
  const rows = [...new Set(measured.map(rowOf))]
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
    `${seedsText(measured.map((cell) => measured.filter((other) => rowOf(other) === rowOf(cell) && other.rule === cell.rule)))}; Node ${versions.node}.`,
  ]
  return lines.join('\n')
}

/** What each rule costs without attackers, against plain averaging with the same seeds. */
function costTable({ axes, cells, versions }) {
  const quiet = cells.filter(({ attack, measures }) => attack === 'none' && measures !== null)
  const plain = new Map(
    quiet.filter(({ rule }) => rule === 'average').map(({ seed, measures }) => [seed, measures]),
  )
  const rows = axes.rule.flatMap((rule) => {
    const own = quiet.filter((cell) => cell.rule === rule && plain.has(cell.seed))
    if (own.length === 0) return []
    const over = (pick) =>
      own.reduce((sum, cell) => sum + pick(cell.measures, plain.get(cell.seed)), 0) / own.length
    const lost = (name) => percent(over((ours, theirs) => theirs[name] - ours[name]))
    return [
      [
        escapePipes(rule),
        lost('worstHonestAccuracy'),
        lost('meanHonestAccuracy'),
        percent(over(({ honestRefused }) => honestRefused ?? 0)),
        over((ours, theirs) => ours.bytesPerRound / theirs.bytesPerRound).toFixed(2),
        over(({ aggregateMs }) => aggregateMs).toFixed(1),
      ],
    ]
  })
  return [
    '| | worst node lost, points | mean lost, points | honest models rejected, % | bytes, × | computation time of the rule, ms per node and round |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    `No attackers; Node ${versions.node}.`,
  ].join('\n')
}

/** The seeds of the cells of a table: some cells may have one seed, and others several, with a range. */
function seedsText(groups) {
  const lists = [...new Set(groups.map((cells) => cells.map(({ seed }) => seed).join(', ')))]
  const [few, ...more] = lists.sort((a, b) => a.length - b.length)
  if (more.length > 1 || (more.length === 1 && few.includes(',')))
    throw new Error(`cells over seeds ${lists.join(' / ')}: the table cannot show which cells have which`)
  return more.length === 0 ? `Seeds ${few}` : `Seeds ${few}, and ${more[0]} where there is a range`
}

/**
 * An averaging task: rules across, the other varying axes down; each cell has the means over seeds after each reported
 * round.
 */
function consensusTable({ consensus, results, versions }, measure) {
  const unique = (values) => [...new Set(values)]
  const rules = unique(results.map(({ rule }) => rule))
  const rowOf = ({ topology, attack }) => (consensus.attacks.length > 1 ? `${attack}, ${topology}` : topology)
  const cell = (these) =>
    consensus.after
      .map((round) => figure(these.reduce((sum, one) => sum + one[measure][round], 0) / these.length))
      .join(' / ')
  return [
    `| | ${rules.map(escapePipes).join(' | ')} |`,
    `| --- | ${rules.map(() => '---:').join(' | ')} |`,
    ...unique(results.map(rowOf)).map((row) => {
      const cells = rules.map((rule) =>
        cell(results.filter((one) => one.rule === rule && rowOf(one) === row)),
      )
      return `| ${escapePipes(row)} | ${cells.join(' | ')} |`
    }),
    '',
    `After ${consensus.after.join(' / ')} rounds; seeds ${unique(results.map(({ seed }) => seed)).join(', ')}; Node ${versions.node}.`,
  ].join('\n')
}

function figure(value) {
  if (value !== 0 && (value < 1e-3 || value >= 1e6)) return value.toExponential(1)
  return value.toFixed(4)
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
