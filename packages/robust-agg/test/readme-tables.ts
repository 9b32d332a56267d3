/** The README's tables, from the same data that the package gives out. */

import { listAttacks } from '../src/attacks/index.js'
import { listPreAggregators, listRules, type ParameterInfo } from '../src/index.js'
import { listTopologies } from '../src/topology/index.js'

type Described = Pick<ParameterInfo, 'name' | 'default' | 'required' | 'meaning'>

function parameters(infos: readonly Described[]): string {
  const one = ({ name, default: value, required, meaning }: Described): string => {
    if (required) return `\`${name}\` (required)`
    if (value !== null) return `\`${name}\` (${value})`
    const otherwise = /default: (.*?)(?: for the n of the round)?$/.exec(meaning)?.[1]
    return otherwise === undefined ? `\`${name}\`` : `\`${name}\` (${otherwise})`
  }
  return infos.length === 0 ? '–' : infos.map(one).join(', ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  return [head, head.map(() => '---'), ...escaped].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function needs(needed: readonly string[], used: readonly string[]): string {
  const optional = used.length === 0 ? [] : [`(${used.join(', ')})`]
  return [needed.join(', '), ...optional].join(' ').trim() || '–'
}

/** Marker name to table. */
export const readmeTables: Readonly<Record<string, () => string>> = {
  rules: () =>
    table(
      ['rule', 'formula', 'parameters (default)', 'needs', 'breakdown', 'cost', 'source'],
      listRules().map((info) => [
        `\`${info.name}\``,
        info.formula,
        parameters(info.params),
        info.needs,
        info.breakdown,
        info.cost,
        info.source,
      ]),
    ),
  'pre-aggregators': () =>
    table(
      ['pre-aggregator', 'formula', 'parameters (default)', 'cost', 'source'],
      listPreAggregators().map((info) => [
        `\`${info.name}\``,
        info.formula,
        parameters(info.params),
        info.cost,
        info.source,
      ]),
    ),
  attacks: () =>
    table(
      [
        'attack',
        'kind',
        'formula',
        'parameters (default)',
        'knowledge',
        'needs (uses)',
        'no honest model in view',
        'source',
      ],
      listAttacks().map((info) => [
        `\`${info.name}\``,
        info.kind,
        info.formula,
        parameters(info.params),
        info.knowledge,
        needs(info.needs, info.uses),
        info.withoutHonest ?? '–',
        info.source,
      ]),
    ),
  topologies: () =>
    table(
      ['topology', 'meaning', 'parameters (default)'],
      listTopologies().map((info) => [`\`${info.name}\``, info.meaning, parameters(info.params)]),
    ),
}

/** The text with every table between `<!-- name -->` and `<!-- /name -->` rewritten. */
export function withTables(readme: string): string {
  return Object.entries(readmeTables).reduce((text, [name, make]) => {
    const begin = `<!-- ${name} -->`
    const end = `<!-- /${name} -->`
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`the README has no place for the table '${name}'`)
    return `${text.slice(0, from + begin.length)}\n\n${make()}\n\n${text.slice(to)}`
  }, readme)
}
