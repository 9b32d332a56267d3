import { describe, expect, it } from 'vitest'
import { selectCells } from '../../../src/matrix/cell-selection.js'
import { cellsOf } from '../../../src/matrix/cells.js'
import { labSchema } from '../../../src/matrix/lab-schema.js'

const cells = cellsOf(
  labSchema.parse({
    name: 'selection',
    axes: {
      rules: ['median', { name: 'trimmed-mean', params: { f: 1 } }],
      attacks: ['alie', { name: 'model-replacement', poison: { name: 'backdoor' }, label: 'backdoor' }],
    },
  }),
)
const namesOf = (selection: Parameters<typeof selectCells>[1]): string[] =>
  selectCells(cells, selection).map(({ rule, attack }) => `${rule} × ${attack}`)

describe('a part of a matrix', () => {
  it('is the whole where nothing is narrowed down', () => {
    expect(selectCells(cells, {})).toEqual(cells)
  })

  it('keeps what its cells are compared to: their attack-free runs, and that of plain averaging', () => {
    expect(namesOf({ rules: ['median'] })).toEqual([
      'average × none',
      'median × none',
      'median × alie',
      'median × backdoor',
    ])
    expect(namesOf({ rules: ['trimmed-mean(f=1)', 'median'], attacks: ['backdoor'] })).toEqual([
      'average × none',
      'median × none',
      'median × backdoor',
      'trimmed-mean(f=1) × none',
      'trimmed-mean(f=1) × backdoor',
    ])
  })

  it('refuses a name that no cell has, and says which is near or which there are', () => {
    expect(() => selectCells(cells, { rules: ['medain'] })).toThrow(
      '--rule: the lab has no "medain"; did you mean "median"?',
    )
    expect(() => selectCells(cells, { attacks: ['something'] })).toThrow(
      '--attack: the lab has no "something"; it has none, alie, backdoor',
    )
  })
})
