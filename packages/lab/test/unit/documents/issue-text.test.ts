import { describe, expect, it } from 'vitest'
import { parseText } from '../../../src/documents/load-document.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'

function mistake(text: string): string {
  try {
    parseText('f', text, scenarioSchema)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('no error')
}

describe('messages of the schema', () => {
  it.each([
    ['nodes: many', 'nodes: must be a number, not "many"'],
    ['nodes: 2.5', 'nodes: must be a whole number, not 2.5'],
    ['nodes: 0', 'nodes: must be at least 1, not 0'],
    ['nodes: 20000', 'nodes: must be at most 16384, not 20000'],
    ['training: { momentum: 1 }', 'training.momentum: must be below 1, not 1'],
    ['training: { learningRate: 0 }', 'training.learningRate: must be above 0, not 0'],
    [
      'model: cnnn',
      'model: must be softmax, mlp, cnn, resnet8, tabular-mlp or lstm-text, not "cnnn"; did you mean cnn?',
    ],
    ['training: [1]', 'training: must be a mapping (key: value), not a list'],
    ['training:', 'training: must be a mapping (key: value), not empty'],
    ['rules: []', 'rules: must not be empty'],
    ['controls: { honest: 1 }', 'controls.honest: must be true or false, not 1'],
    ['faults: [ { kill: [1] } ]', 'faults.0.at: is missing'],
    [
      'data: { split: { kind: dirichlett, a: 1 } }',
      'data.split.kind: must be iid, label-groups, dirichlet, shards or by-clique, not "dirichlett"; did you mean dirichlet?',
    ],
    [
      'data: { split: { a: 1 } }',
      'data.split.kind: is missing; must be iid, label-groups, dirichlet, shards or by-clique',
    ],
    ['data: { split: { kind: iid, h: 1 } }', 'unknown key "data.split.h"; known here: kind'],
    [
      'faults: [ { at: 1, slowLink: { between: [1] } } ]',
      'faults.0.slowLink.between: must have at least 2 entries, not 1',
    ],
  ])('%s', (text, message) => {
    expect(mistake(text).replace(/^f:\d+:\d+: /, '')).toBe(message)
  })
})
