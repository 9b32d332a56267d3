// Writes docs/reference/ from the code: command line, scenario keys, faults, measures, rules and attacks, exit codes,
// error codes. `node scripts/reference.mjs --check` writes nothing and fails where a page is out of date.

import { readdirSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, setup } from './setup.mjs'

await setup()
const load = (path) => import(pathToFileURL(join(root, 'packages', path)))
const { createProgram } = await load('cli/dist/program.js')
const { EXIT, EXIT_CODES } = await load('cli/dist/exit-codes.js')
const { MEASURES } = await load('lab/dist/measures/measures.js')
const { scenarioJsonSchema } = await load('lab/dist/scenario/json-schema.js')
const { listRules, listPreAggregators } = await load('robust-agg/dist/index.js')
const { listAttacks } = await load('robust-agg/dist/attacks/index.js')
const { listTopologies } = await load('robust-agg/dist/topology/index.js')
const { ARCHITECTURES } = await load('chain/dist/index.js')
const { toJSONSchema } = await load('chain/node_modules/zod/index.js')
const { LEDGER_ATTACKS } = await load('lab/dist/adversary/ledger-attacks.js')

const NOTE = '<!-- Written by `node scripts/reference.mjs` from the code. Do not edit. -->'
const schema = JSON.parse(scenarioJsonSchema())
const pages = {
  'command-line.md': commandLine(),
  'scenario-keys.md': scenarioKeys(),
  'faults.md': faults(),
  'measures.md': measures(),
  'names.md': names(),
  'exit-codes.md': exitCodes(),
  'error-codes.md': await errorCodes(),
}

const folder = join(root, 'docs', 'reference')
const stale = []
if (!process.argv.includes('--check')) await mkdir(folder, { recursive: true })
for (const [name, text] of Object.entries(pages)) {
  const file = join(folder, name)
  if (!process.argv.includes('--check')) await writeFile(file, text)
  else if ((await readFile(file, 'utf8').catch(() => '')) !== text) stale.push(name)
}
if (stale.length > 0) {
  console.error(`docs/reference/${stale.join(', ')} out of date: run node scripts/reference.mjs`)
  process.exitCode = 1
}

function page(title, ...parts) {
  return `${[NOTE, `# ${title}`, ...parts].join('\n\n')}\n`
}

function table(header, rows) {
  const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')
  const line = (cells) => `| ${cells.map(cell).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

function commandLine() {
  const parts = []
  const visit = (command, path) => {
    const help = command.createHelp()
    const options = help.visibleOptions(command).filter((option) => option.long !== '--help')
    const children = help.visibleCommands(command).filter((child) => child.name() !== 'help')
    if (children.length === 0 || path.length === 1) {
      parts.push(
        [
          `## ${path.join(' ')}`,
          command.description(),
          ...(path.length === 1 ? [] : [`\`\`\`\n${path.join(' ')} ${command.usage()}\n\`\`\``]),
          ...(options.length === 0
            ? []
            : [
                table(
                  ['option', 'meaning'],
                  options.map((option) => [`\`${option.flags}\``, help.optionDescription(option)]),
                ),
              ]),
        ].join('\n\n'),
      )
    }
    for (const child of children) visit(child, [...path, child.name()])
  }
  visit(createProgram(), ['tempered'])
  return page(
    'Command line',
    'stdout is for data (`--json` gives NDJSON), stderr for people. See [exit codes](exit-codes.md).',
    ...parts,
  )
}

function scenarioKeys() {
  const rows = []
  const visit = (name, property) => {
    const kinds = typeOf(property)
    rows.push([`\`${name}\``, kinds, defaultText(property), property.description ?? ''])
    const object = objectOf(property)
    if (object === undefined || name.split('.').length > 2) return
    const entries = isList(property) ? `${name}[]` : name
    for (const [key, part] of Object.entries(object.properties))
      if (part !== false) visit(`${entries}.${key}`, part)
  }
  for (const [name, property] of Object.entries(schema.properties)) visit(name, property)
  return page(
    'Keys of a scenario',
    'All are optional. `adversaries[].count` is the key `count` of each entry of the list `adversaries`. Where no default is given, leaving the key out means what its description says, or that it does not apply. `schemas/scenario.schema.json` provides the keys to editors.',
    table(['key', 'type', 'default', 'meaning'], rows),
  )
}

/** In words where it is empty. */
function defaultText(property) {
  const value = property.default
  if (value === undefined) return ''
  if (Array.isArray(value) && value.length === 0) return 'none (an empty list)'
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return property.properties === undefined ? 'none' : 'the defaults of its keys'
  return `\`${JSON.stringify(value)}\``
}

function isList(property) {
  return property.items !== undefined || (property.anyOf ?? []).some(isList)
}

/** The properties of an object, of a list's entries, or of all variants of a union together. */
function objectOf(property) {
  if (property.properties !== undefined) return property
  if (property.items !== undefined) return objectOf(property.items)
  const variants = (property.anyOf ?? property.oneOf ?? [])
    .map(objectOf)
    .filter((found) => found !== undefined)
  if (variants.length === 0) return undefined
  const properties = {}
  for (const variant of variants) {
    for (const [key, part] of Object.entries(variant.properties)) {
      const known = properties[key]
      if (known?.const === undefined && known?.enum === undefined) properties[key] ??= part
      else if (part.const !== undefined)
        properties[key] = {
          const: undefined,
          enum: [...(known.enum ?? [known.const]), part.const],
          description: [
            known.enum === undefined ? constText(known) : known.description,
            constText(part),
          ].join('; '),
        }
    }
  }
  return { properties }
}

function constText({ const: value, description }) {
  return `\`${value}\`${description === undefined ? '' : `: ${description}`}`
}

function typeOf(property) {
  if (property.const !== undefined) return `\`${property.const}\``
  if (property.enum !== undefined)
    return property.enum.length > 8 ? 'name' : property.enum.map((one) => `\`${one}\``).join(', ')
  if (property.anyOf !== undefined || property.oneOf !== undefined) {
    const kinds = (property.anyOf ?? property.oneOf).map(typeOf)
    return [...new Set(kinds)].join(' or ')
  }
  if (property.type === 'array')
    return `list of ${property.items === undefined ? 'values' : typeOf(property.items)}`
  if (property.type === 'string') return 'text'
  return property.type ?? 'value'
}

function faults() {
  const { at, ...kinds } = objectOf(schema.properties.faults).properties
  return page(
    'Faults of a scenario',
    `An entry of \`faults\` has \`at\` and exactly one of these. ${at.description}`,
    table(
      ['key', 'type', 'what happens'],
      Object.entries(kinds).map(([name, property]) => {
        const parts = Object.entries(property.properties ?? {}).map(
          ([key, part]) => `\`${key}\`: ${part.description ?? typeOf(part)}`,
        )
        return [
          `\`${name}\``,
          typeOf(property),
          [property.description ?? '', ...parts].filter(Boolean).join(' '),
        ]
      }),
    ),
  )
}

function measures() {
  const better = { high: 'higher', low: 'lower' }
  return page(
    'Measures',
    'Assertions compare these values; matrices and reports show them. Shares and rates are between 0 and 1; all measures are over honest nodes unless stated otherwise. A measure is null where a run cannot provide it.',
    table(
      ['name', 'label', 'unit', 'better', 'how it is computed'],
      Object.entries(MEASURES).map(([name, measure]) => [
        `\`${name}\``,
        measure.label,
        measure.unit,
        better[measure.better] ?? '–',
        measure.description,
      ]),
    ),
  )
}

function names() {
  const parameters = ({ params }) =>
    params
      .map(
        ({ name, required, default: value }) =>
          `\`${name}\`${required ? ' (required)' : value === null ? '' : ` = ${value}`}`,
      )
      .join(', ') || '–'
  return page(
    'Names: rules, pre-aggregators, attacks, topologies, chains',
    'Formulas, sources and every parameter with its range: [packages/robust-agg](../../packages/robust-agg/README.md).',
    '## Rules',
    table(
      ['name', 'formula', 'parameters'],
      listRules().map((one) => [`\`${one.name}\``, one.formula, parameters(one)]),
    ),
    '## Pre-aggregators',
    table(
      ['name', 'formula', 'parameters'],
      listPreAggregators().map((one) => [`\`${one.name}\``, one.formula, parameters(one)]),
    ),
    '## Attacks',
    table(
      ['name', 'poisons', 'sees', 'parameters'],
      listAttacks().map((one) => [`\`${one.name}\``, one.kind, one.knowledge, parameters(one)]),
    ),
    'Attacks on the ledger, without parameters:',
    table(
      ['name', 'what the node does'],
      Object.entries(LEDGER_ATTACKS).map(([name, text]) => [`\`${name}\``, text]),
    ),
    '## Topologies',
    table(
      ['name', 'meaning', 'parameters'],
      listTopologies().map((one) => [`\`${one.name}\``, one.meaning, parameters(one)]),
    ),
    '## Architectures of a common chain',
    ...ARCHITECTURES.flatMap((one) => [`### ${one.name}`, one.summary, chainParameters(one)]),
  )
}

function chainParameters({ params }) {
  const { properties } = toJSONSchema(params, { io: 'input' })
  return table(
    ['parameter', 'type', 'range', 'default', 'meaning'],
    Object.entries(properties).map(([name, one]) => [
      `\`${name}\``,
      typeOf(one),
      rangeOf(one),
      defaultText(one),
      one.description ?? '',
    ]),
  )
}

function rangeOf({ minimum, maximum, exclusiveMinimum }) {
  if (exclusiveMinimum !== undefined) return `above ${exclusiveMinimum}, to ${maximum}`
  return minimum === undefined ? '' : `${minimum} to ${maximum}`
}

function exitCodes() {
  const meaning = {
    ok: 'success',
    internal: 'a bug in Tempered; please report it',
    usage: 'invalid arguments or configuration; the message names file, line and column',
    data: 'invalid data',
    key: 'an invalid key file',
    wrongRun: 'a different run, or a state folder in use',
    ledgerInvalid: 'a ledger that does not verify, or proven misconduct of a member',
    resource: 'disk or network errors, or failed nodes',
    goalMissed: 'a failed assertion or goal',
    diverged: 'training diverged: the model is no longer finite',
    notRunning: '`status`: no node runs on this folder',
    doubtful: '`doctor`: warnings, but no problem',
    unhealthy: '`doctor`: a problem',
    hungUp: 'SIGHUP: the terminal was closed',
    interrupted: 'SIGINT',
    pipeClosed: 'nobody reads the output any more; nodes and experiments go on instead',
    terminated: 'SIGTERM',
  }
  return page(
    'Exit codes',
    table(
      ['code', 'meaning'],
      Object.entries(EXIT).map(([name, code]) => [code, meaning[name]]),
    ),
  )
}

async function errorCodes() {
  const found = new Map()
  const sources = readdirSync(join(root, 'packages')).flatMap((name) =>
    readdirSync(join(root, 'packages', name, 'src'), { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => ({ name, path: join(root, 'packages', name, 'src', file) })),
  )
  for (const { name, path } of sources) {
    for (const [, code] of (await readFile(path, 'utf8')).matchAll(/'(E_[A-Z_0-9]*[A-Z0-9])'/g))
      found.set(code, (found.get(code) ?? new Set()).add(name))
  }
  return page(
    'Error codes',
    'Error codes are stable: logs, ledgers and programs may rely on them. A code without its own exit code ends the command with 1, or 3 for data errors.',
    table(
      ['code', 'exit code', 'packages'],
      [...found]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([code, packages]) => [`\`${code}\``, EXIT_CODES[code] ?? '', [...packages].sort().join(', ')]),
    ),
  )
}
