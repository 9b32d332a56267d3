import { createAttack, type DataAttack } from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import { inputArray } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { poisonTrainingSet } from '../../../src/adversary/data-poisoning.js'
import { createDataset } from '../../support/small-data.js'

const attack = (name: string, params: Record<string, number> = {}): DataAttack =>
  createAttack(name, params) as DataAttack

/** More samples than one chunk holds, with grey images. */
function trainingSet() {
  const small = createDataset(10, 4)
  const count = 2500
  return {
    ...small,
    count,
    inputs: Uint8Array.from({ length: count * 16 }, (_, k) => (k * 7) % 256),
    targets: Uint8Array.from({ length: count }, (_, k) => k % 10),
  }
}

describe('poisonTrainingSet', () => {
  it('flips every label and leaves every image byte as it is', () => {
    const train = trainingSet()
    const before = train.targets.slice()
    const poisoned = poisonTrainingSet(attack('label-flip'), train, createRng(1))
    expect(poisoned.targets).toEqual(before.map((label) => 9 - label))
    expect(poisoned.inputs).toEqual(train.inputs)
    expect(train.targets).toEqual(before)
  })

  it('writes the changed images of a feature attack into a copy, the same for the same seed', () => {
    const train = trainingSet()
    const before = inputArray(train).slice()
    const noisy = attack('feature-noise', { stdDev: 0.5 })
    const first = poisonTrainingSet(noisy, train, createRng(1))
    expect(train.inputs).toEqual(before)
    expect(first.targets).toEqual(train.targets)
    const changed = inputArray(first).filter((byte, k) => byte !== before[k]).length
    expect(changed).toBeGreaterThan(before.length / 2)
    expect(poisonTrainingSet(noisy, train, createRng(1)).inputs).toEqual(first.inputs)
  })

  it('flips labels of images on disk, and says what a feature attack needs', () => {
    const { inputs: _, ...rest } = trainingSet()
    const file = { path: 'rows.bin', offset: 16, type: 'uint8' as const, width: 16, length: 16 * rest.count }
    const inputs = { ...file, byteLength: file.length, fileBytes: 0, modifiedMs: 0 }
    expect(poisonTrainingSet(attack('label-flip'), { ...rest, inputs }, createRng(1)).inputs).toBe(inputs)
    expect(() => poisonTrainingSet(attack('feature-noise'), { ...rest, inputs }, createRng(1))).toThrow(
      /needs data with images in memory \(raise data\.memory or TEMPERED_DATA_MEMORY\)/,
    )
  })
})
