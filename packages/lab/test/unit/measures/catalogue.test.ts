import { describe, expect, it } from 'vitest'
import {
  customMeasures,
  describeMeasure,
  measureInfo,
  measureNames,
  measuresOf,
  registerMeasure,
} from '../../../src/measures/catalogue.js'
import type { Measure } from '../../../src/measures/measures.js'
import { MEASURES } from '../../../src/measures/measures.js'
import type { RunRecord } from '../../../src/measures/run-record.js'
import { scoreRecord } from '../../../src/measures/score.js'

const record: RunRecord = {
  rule: 'average',
  weighsAll: true,
  rounds: 3,
  nodes: [],
  records: [],
  failed: [],
  gone: [],
  stoppedAfter: null,
  observed: [],
  residentBytes: null,
}
const ledgers = { checked: 0, valid: 0, bad: [] }
const plannedRounds: Measure = {
  label: 'planned rounds',
  unit: 'count',
  better: null,
  description: 'rounds that the manifest plans',
  of: (_, { rounds }) => rounds,
}

describe('the table of measures', () => {
  it('has a value, a unit and a direction for every built-in measure', () => {
    const values = measuresOf(scoreRecord(record, ledgers))
    for (const name of Object.keys(MEASURES)) {
      expect(values[name], name).toSatisfy((value) => value === null || typeof value === 'number')
      expect(measureInfo(name).label).not.toBe('')
    }
    expect(values.finishedHonest).toBe(0)
  })

  it('leaves scores as they are while nothing is added', () => {
    expect(scoreRecord(record, ledgers)).not.toHaveProperty('custom')
  })

  it('takes a measure, computes it for every score, and keeps how it is shown', () => {
    registerMeasure('plannedRounds', plannedRounds)
    const score = scoreRecord(record, ledgers)
    expect(score.custom).toEqual({
      plannedRounds: {
        label: 'planned rounds',
        unit: 'count',
        better: null,
        description: 'rounds that the manifest plans',
        value: 3,
      },
    })
    expect(measuresOf(score).plannedRounds).toBe(3)
    expect(measureNames()).toContain('plannedRounds')
  })

  it.each<[string, Partial<Measure>, RegExp]>([
    ['asr', {}, /a built-in measure has this name/],
    ['two words', {}, /only letters and digits/],
    ['wrongUnit', { unit: 'percent' as never }, /`unit` must be one of share, bytes/],
    ['wrongWay', { better: 'up' as never }, /`better` must be/],
    ['noLabel', { label: '' }, /`label` must be a non-empty string/],
    ['noText', { description: 7 as never }, /`description` must be a non-empty string/],
    ['noFunction', { of: 3 as never }, /`of\(score, record\)` must be a function/],
  ])('refuses %s', (name, change, message) => {
    expect(() => registerMeasure(name, { ...plannedRounds, ...change })).toThrow(message)
  })

  it.each([
    [() => Number.NaN, /returned NaN; a finite number or null/],
    [() => 'many' as never, /returned many/],
    [
      () => {
        throw new Error('no such thing')
      },
      /threw: no such thing/,
    ],
  ])('says what is wrong with a computation', (of, message) => {
    const score = scoreRecord(record, ledgers)
    registerMeasure('broken', { ...plannedRounds, of })
    expect(() => customMeasures(score, record)).toThrow(message)
    registerMeasure('broken', { ...plannedRounds, of: () => null })
  })

  it('shows measures of a run folder without their code', () => {
    expect(describeMeasure('fromFolder', { ...plannedRounds, value: 1 })).toBe(true)
    expect(measureInfo('fromFolder')).toMatchObject({ label: 'planned rounds' })
    expect(describeMeasure('half', { label: 'x', unit: 'pounds' as never })).toBe(false)
    expect(describeMeasure('nothing', null)).toBe(false)
  })
})
