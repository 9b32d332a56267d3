import { taskFileSchema } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { parseText } from '../../../src/documents/load-document.js'

const task = (model: string): string => `task: x
input: { type: tensor, shape: [3] }
output: { type: class, classes: 3 }
model: ${model}
`

/** What is wrong with the model of a task, by line. */
function mistakes(model: string): string[] {
  try {
    parseText('t.yaml', task(model), taskFileSchema)
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

describe('mistakes within one of several forms', () => {
  it('are named at their own place', () => {
    expect(mistakes('{ layers: [{ layer: dense, units: 0 }] }')).toEqual([
      't.yaml:4:42: model.layers.0.units: must be at least 1, not 0',
    ])
    expect(mistakes('{ layers: [{ layer: dens, units: 3 }] }')[0]).toMatch(
      /^t\.yaml:4:28: model\.layers\.0\.layer: must be .*did you mean dense\?$/,
    )
    expect(mistakes('{ layers: [{ layer: residual, layers: [{ layer: dropout, rate: 2 }] }] }')).toEqual([
      't.yaml:4:71: model.layers.0.layers.0.rate: must be below 1, not 2',
    ])
  })

  it('of a name list the names', () => {
    expect(mistakes('mpl')[0]).toContain('must be softmax, mlp')
  })

  it('of a kind that no form has are named as such', () => {
    expect(mistakes('3')).toHaveLength(1)
    expect(mistakes('3')[0]).toMatch(/^t\.yaml:4:8: model: /)
  })

  it('are none where one of the forms fits', () => {
    expect(mistakes('{ layers: [{ layer: dense, units: 3 }] }')).toEqual([])
    expect(mistakes('mlp')).toEqual([])
  })
})
