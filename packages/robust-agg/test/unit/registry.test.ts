import { describe, expect, test } from 'vitest'
import { createRule, isRobustAggError, listRules, RobustAggError } from '../../src/index.js'
import { nearestName } from '../../src/nearest-name.js'

function caught(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return undefined
}

describe('nearestName', () => {
  test('forgives case and underscores and gives up on strangers', () => {
    const known = ['clipped-gossip', 'krum', 'f']
    expect(nearestName('Clipped_Gosip', known)).toBe('clipped-gossip')
    expect(nearestName('F', known)).toBe('f')
    expect(nearestName('sign-flip', ['ipm', 'sign-flip-model'])).toBe('sign-flip-model')
    expect(nearestName('sign', ['signal-flip-model'])).toBeNull()
    expect(nearestName('completely-else', known)).toBeNull()
  })
})

describe('createRule', () => {
  test('names are unique, and the rules that the node relies on exist', () => {
    const names = listRules().map((info) => info.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toEqual(expect.arrayContaining(['average', 'balance', 'clipped-gossip', 'median', 'krum']))
  })

  test('an unknown name brings the nearest known one', () => {
    const error = caught(() => createRule('balence'))
    if (!isRobustAggError(error, 'E_UNKNOWN_RULE')) throw new Error('no typed error')
    expect(error).toBeInstanceOf(RobustAggError)
    expect(error.details.nearest).toBe('balance')
    expect(error.message).toContain("Did you mean 'balance'?")
    for (const name of ['toString', '__proto__', '']) {
      expect(
        isRobustAggError(
          caught(() => createRule(name)),
          'E_UNKNOWN_RULE',
        ),
      ).toBe(true)
    }
  })

  test('an unknown parameter brings the nearest known one', () => {
    const error = caught(() => createRule('balance', { gama: 0.3 }))
    if (!isRobustAggError(error, 'E_UNKNOWN_PARAMETER')) throw new Error('no typed error')
    expect(error.details).toMatchObject({ owner: "rule 'balance'", parameter: 'gama', nearest: 'gamma' })
    expect(
      isRobustAggError(
        caught(() => createRule('average', { f: 1 })),
        'E_UNKNOWN_PARAMETER',
      ),
    ).toBe(true)
  })

  test.each([
    ['balance', { alpha: 1.1 }, "'alpha' is 1.1, but must be a number in [0, 1]"],
    ['krum', { f: 1.5 }, 'a whole number in [0, 65535]'],
    ['krum', { f: -1 }, "'f' is -1"],
    ['geometric-median', { nu: 0 }, 'a number in (0, 1000000]'],
    ['balance', { gamma: '0.3' as unknown as number }, "'gamma' is 0.3"],
    ['balance', { gamma: null as unknown as number }, "'gamma' is null"],
  ])('%s %o is out of range', (name, params, text) => {
    const error = caught(() => createRule(name, params))
    expect(isRobustAggError(error, 'E_PARAMETER_RANGE')).toBe(true)
    expect((error as Error).message).toContain(text)
  })

  test('missing and conflicting parameters', () => {
    expect(
      isRobustAggError(
        caught(() => createRule('cs-plus')),
        'E_MISSING_PARAMETER',
      ),
    ).toBe(true)
    expect(
      isRobustAggError(
        caught(() => createRule('clipped-gossip')),
        'E_MISSING_PARAMETER',
      ),
    ).toBe(true)
    const both = caught(() => createRule('clipped-gossip', { tau: 1, b: 0.1 }))
    expect(isRobustAggError(both, 'E_CONFLICTING_PARAMETERS')).toBe(true)
  })

  test('params are resolved and frozen', () => {
    const { params } = createRule('balance', { gamma: 0.2 })
    expect(params).toEqual({ gamma: 0.2, kappa: 1, alpha: 0.5 })
    expect(Object.isFrozen(params)).toBe(true)
    expect(createRule('krum').params).toEqual({})
  })
})

describe('checkNeighbourhood, at the limit and one below', () => {
  test.each<[string, Record<string, number>, number]>([
    ['average', {}, 0],
    ['balance', {}, 0],
    ['median', {}, 0],
    ['geometric-median', {}, 0],
    ['clipped-gossip', { tau: 1 }, 0],
    ['krum', {}, 2],
    ['krum', { f: 2 }, 6],
    ['multi-krum', { f: 1 }, 4],
    ['multi-krum', { f: 1, m: 6 }, 6],
    ['trimmed-mean', { f: 2 }, 4],
    ['nna', { f: 2 }, 4],
    ['clipped-gossip', { b: 0.5 }, 3],
    ['clipped-gossip', { b: 0.6 }, 4],
    ['cs-plus', { b: 0.2 }, 3],
    ['cs-plus', { b: 0.25 }, 3],
    ['cs-plus', { b: 0.3 }, 4],
  ])('%s %o needs %i neighbours', (name, params, least) => {
    const rule = createRule(name, params)
    for (let count = least; count < least + 20; count++)
      expect(() => rule.checkNeighbourhood(count)).not.toThrow()
    for (let count = 0; count < least; count++) {
      const error = caught(() => rule.checkNeighbourhood(count))
      if (!isRobustAggError(error, 'E_TOO_FEW_NODES')) throw new Error(`no typed error at ${count}`)
      expect(error.details).toEqual({ rule: name, nodes: count + 1, needed: least + 1, step: null })
    }
  })

  test('given weights decide for the weighted rules', () => {
    const rule = createRule('clipped-gossip', { b: 0.3 })
    expect(() => rule.checkNeighbourhood(3, [0.1, 0.1, 0.6])).toThrow(/needs/)
    expect(() => rule.checkNeighbourhood(3, [0.15, 0.15, 0.6])).not.toThrow()
  })
})
