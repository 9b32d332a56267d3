import { documentCid, encodeCanonical } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import {
  CarError,
  encodeCarHeader,
  encodeCarSection,
  type ReadAt,
  readCarHeader,
  readCarSection,
} from '../../../src/ledger/car.js'
import { run } from '../../support/run-fixture.js'

const reader =
  (bytes: Uint8Array): ReadAt =>
  async (offset, length) =>
    bytes.subarray(offset, offset + length)
const block = encodeCanonical({ some: 'block' })
const cid = documentCid(block)
const section = encodeCarSection(cid, block)

async function carError(work: Promise<unknown>): Promise<CarError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof CarError)) throw error ?? new Error('nothing was thrown')
  return error
}

describe('CAR headers', () => {
  it('give back the root and the offset of the first section', async () => {
    const bytes = encodeCarHeader(run.id)
    const header = await readCarHeader(reader(bytes))
    expect(header.root.equals(run.id)).toBe(true)
    expect(header.end).toBe(bytes.byteLength)
  })

  it.each<[string, unknown]>([
    ['version 2', { roots: [run.id], version: 2 }],
    ['two roots', { roots: [run.id, run.id], version: 1 }],
    ['no root', { roots: [], version: 1 }],
    ['a root that is no link', { roots: ['x'], version: 1 }],
    ['another field', { roots: [run.id], version: 1, more: 1 }],
    ['no map', 5],
    ['null', null],
  ])('with %s are refused', async (_what, value) => {
    const body = encodeCanonical(value)
    const error = await carError(readCarHeader(reader(Uint8Array.of(body.byteLength, ...body))))
    expect(error.truncated).toBe(false)
  })

  it('cut anywhere are truncated', async () => {
    const bytes = encodeCarHeader(run.id)
    for (let length = 0; length < bytes.byteLength; length++) {
      expect((await carError(readCarHeader(reader(bytes.subarray(0, length))))).truncated).toBe(true)
    }
  })
})

describe('CAR sections', () => {
  it('give back CID, block and place', async () => {
    const file = new Uint8Array([9, 9, 9, ...section, 7])
    const read = await readCarSection(reader(file), 3, 1000)
    expect(read.cid.equals(cid)).toBe(true)
    expect(read.bytes).toEqual(block)
    expect([read.start, read.end]).toEqual([3, 3 + section.byteLength])
  })

  it('cut anywhere are truncated, and the error says where they begin', async () => {
    for (let length = 0; length < section.byteLength; length++) {
      const error = await carError(readCarSection(reader(section.subarray(0, length)), 0, 1000))
      expect(error.truncated).toBe(true)
      expect(error.message).toContain('byte 0')
    }
  })

  it('may hold a block of the limit and not one byte more', async () => {
    const large = new Uint8Array(1000)
    const bytes = encodeCarSection(documentCid(large), large)
    // The CID has 36 bytes; the limit leaves 64 for it.
    expect((await readCarSection(reader(bytes), 0, 1000 - 28)).bytes.byteLength).toBe(1000)
    const error = await carError(readCarSection(reader(bytes), 0, 1000 - 29))
    expect(error.truncated).toBe(false)
    expect(error.code).toBe('E_CAR')
  })

  it.each([
    ['a length that is not in its shortest form', [0x81, 0x00]],
    ['a length of zero', [0]],
    ['a length of more than four bytes', [0x80, 0x80, 0x80, 0x80, 0x01]],
    ['a block that does not begin with a CID', [4, 1, 2, 3, 4]],
    ['a CID that is cut short', [4, 0x01, 0x71, 0x12, 0x20]],
  ])('with %s are refused', async (_what, bytes) => {
    const error = await carError(readCarSection(reader(Uint8Array.from([...bytes, 0, 0, 0, 0])), 0, 1000))
    expect(error.truncated).toBe(false)
  })
})
