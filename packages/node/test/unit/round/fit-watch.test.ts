import { expect, it } from 'vitest'
import { createFitWatch } from '../../../src/round/fit-watch.js'

it('each step is noticed once', () => {
  const watch = createFitWatch()
  expect(watch.note({})).toEqual([])
  expect(watch.note({ unfit: ['reputation'] })).toEqual(['reputation'])
  expect(watch.note({ unfit: ['reputation', 'mad-clipping'] })).toEqual(['mad-clipping'])
  expect(watch.note({ unfit: ['mad-clipping'] })).toEqual([])
})
