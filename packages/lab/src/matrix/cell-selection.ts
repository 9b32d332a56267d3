import { nearestName } from '@tempered/errors'
import { LabError } from '../errors.js'
import { type Cell, NO_ATTACK } from './cells.js'
import { UNDEFENDED_NAME } from './display-names.js'

/** A part of a matrix, by the names in its tables; undefined selects everything. */
export interface Selection {
  readonly rules?: readonly string[] | undefined
  readonly attacks?: readonly string[] | undefined
}

/**
 * The cells of these rules under these attacks, and the cells that they are compared with: the attack-free runs of
 * these rules, and of plain averaging. Throws E_USAGE for a name that no cell has.
 */
export function selectCells(cells: readonly Cell[], { rules, attacks }: Selection): Cell[] {
  requireKnown(
    '--rule',
    rules,
    cells.map(({ rule }) => rule),
  )
  requireKnown(
    '--attack',
    attacks,
    cells.map(({ attack }) => attack),
  )
  return cells.filter(({ rule, attack }) => {
    if (attack === NO_ATTACK && rule === UNDEFENDED_NAME) return true
    return (rules?.includes(rule) ?? true) && (attack === NO_ATTACK || (attacks?.includes(attack) ?? true))
  })
}

function requireKnown(option: string, names: readonly string[] = [], known: readonly string[]): void {
  const all = [...new Set(known)]
  for (const name of names) {
    if (all.includes(name)) continue
    const nearest = nearestName(name, all)
    const hint = nearest === undefined ? `; it has ${all.join(', ')}` : `; did you mean "${nearest}"?`
    throw new LabError('E_USAGE', `${option}: the lab has no "${name}"${hint}`)
  }
}
