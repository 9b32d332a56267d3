import { describe, expect, it } from 'vitest'
import { createRunProgress } from '../../../src/round/run-progress.js'

describe('progress of the run', () => {
  it('is the newest round that more than a third of the members have announced', () => {
    const progress = createRunProgress(7)
    expect(progress.heard('a', 5)).toBeUndefined()
    expect(progress.heard('b', 9)).toBeUndefined()
    expect(progress.heard('c', 7)).toBe(5)
    expect(progress.heard('a', 8)).toBe(7)
    expect(progress.heard('a', 6)).toBeUndefined()
    expect(progress.heard('d', 7)).toBeUndefined()
  })

  it('cannot be invented by a third of the members', () => {
    const progress = createRunProgress(6)
    expect(['a', 'b'].map((liar) => progress.heard(liar, 999))).toEqual([undefined, undefined])
    expect(progress.heard('c', 3)).toBe(3)
  })

  it('leaves out members that were excluded', () => {
    const progress = createRunProgress(3)
    progress.heard('a', 9)
    progress.exclude('a')
    expect(progress.heard('b', 4)).toBeUndefined()
    expect(progress.heard('a', 10)).toBeUndefined()
    expect(progress.heard('c', 4)).toBe(4)
  })
})
