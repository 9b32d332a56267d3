import { afterEach, describe, expect, it } from 'vitest'
import { bytesText, memoryBytes, parseMemory } from '../../../src/data/memory-budget.js'

describe('an amount of memory', () => {
  it.each([
    ['512MB', 512e6],
    ['1.5 GB', 1.5e9],
    ['4GiB', 4 * 2 ** 30],
    [' 10 kib ', 10_240],
    ['7B', 7],
    ['1TB', 1e12],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes)
  })

  it.each(['', '12', 'MB', '-1MB', '1e3MB', '0GB', '0.1B', '1 megabyte', '1PB'])('%s is none', (text) => {
    expect(parseMemory(text)).toBeUndefined()
  })

  it.each([
    [999, '999 bytes'],
    [1000, '1 kB'],
    [12_345_678_901, '12.3 GB'],
    [999_999, '1 MB'],
  ])('of %d bytes reads %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text)
  })
})

describe('the memory of samples', () => {
  afterEach(() => {
    delete process.env.TEMPERED_DATA_MEMORY
  })

  it('is what is given, else what the environment says, else 2 GiB', () => {
    expect(memoryBytes()).toBe(2 ** 31)
    process.env.TEMPERED_DATA_MEMORY = '1GB'
    expect([memoryBytes(), memoryBytes('2MB')]).toEqual([1e9, 2e6])
    process.env.TEMPERED_DATA_MEMORY = 'plenty'
    expect(() => memoryBytes()).toThrow(
      'the environment variable TEMPERED_DATA_MEMORY is "plenty"; write a number and a unit, for example 512MB or 4GiB',
    )
  })
})
