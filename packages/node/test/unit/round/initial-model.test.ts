import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeModel, encodeModel } from '@tempered/protocol'
import { imageTask, initialTaskParameters } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { blobGate } from '../../../src/blobs/exchange.js'
import { withInitialModel } from '../../../src/ledger/blob-folders.js'
import { createReplay } from '../../../src/ledger/replay.js'
import {
  drawnInitialParameters,
  initialModelPath,
  keptInitialModel,
  manifestInitialParameters,
  readInitialModel,
  writeInitialModel,
} from '../../../src/round/initial-model.js'
import { createRunManifest } from '../../../src/run-manifest.js'
import { signers, stranger } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const task = imageTask('softmax', { shape: [1, 1, 1], classes: 2 })
const GIVEN = Float32Array.of(1, 2, 3, 4)
const members = signers.slice(0, 3).map(({ peerId }) => peerId)
const rule = { name: 'median' }
const drawnRun = createRunManifest({ members, task, rule })
const givenRun = createRunManifest({ members, task, rule, initialParameters: GIVEN })

describe('the model that a run begins with', () => {
  it('follows from the seed unless it was given', () => {
    expect(drawnInitialParameters(drawnRun.manifest)).toEqual(initialTaskParameters(task, 1))
    expect(drawnInitialParameters(drawnRun.manifest)).toEqual(manifestInitialParameters(drawnRun.manifest))
    expect(drawnInitialParameters(givenRun.manifest)).toBeUndefined()
    expect(() => manifestInitialParameters(givenRun.manifest)).toThrow(
      expect.objectContaining({
        code: 'E_INITIAL_PARAMETERS',
        message: expect.stringContaining('was given'),
      }),
    )
  })

  it('given as that of the seed, is the same run as without', () => {
    const again = createRunManifest({
      members,
      task,
      rule,
      initialParameters: initialTaskParameters(task, 1),
    })
    expect(again.id.equals(drawnRun.id)).toBe(true)
    expect(givenRun.id.equals(drawnRun.id)).toBe(false)
  })

  it('is written beside the manifest and read from the first place that has it', async () => {
    const folder = await temporaryFolder()
    const path = initialModelPath(join(folder, 'manifest.json'))
    expect(path).toBe(join(folder, 'manifest.initial'))
    const kept = keptInitialModel(folder, givenRun)
    expect(await readInitialModel(givenRun, [kept, path])).toBeUndefined()
    await writeInitialModel(path, GIVEN)
    expect(decodeModel(new Uint8Array(await readFile(path)), 4)).toEqual(GIVEN)
    expect(await readInitialModel(givenRun, [kept, path])).toEqual(GIVEN)
    await mkdir(join(folder, 'blobs'))
    await writeFile(kept, encodeModel(GIVEN))
    expect(await readInitialModel(givenRun, [kept, path])).toEqual(GIVEN)
  })

  it.each([
    ['another model', Buffer.from(encodeModel(Float32Array.of(1, 2, 3, 5)))],
    ['a file cut short', Buffer.from(encodeModel(GIVEN)).subarray(0, -1)],
    ['an empty file', Buffer.alloc(0)],
  ])('%s is refused with its name', async (_, bytes) => {
    const folder = await temporaryFolder()
    const path = join(folder, 'manifest.initial')
    await writeFile(path, bytes)
    await expect(readInitialModel(givenRun, [path])).rejects.toMatchObject({
      code: 'E_INITIAL_PARAMETERS',
      message: expect.stringMatching(/manifest.initial: is model bafk\w+, but the run begins with bafk/),
    })
  })

  it('that is not finite is refused, and so is a folder in its place', async () => {
    const folder = await temporaryFolder()
    const bad = Float32Array.of(1, Number.NaN, 3, 4)
    const run = createRunManifest({ members, task, rule, initialParameters: bad })
    const path = join(folder, 'manifest.initial')
    await writeInitialModel(path, bad)
    await expect(readInitialModel(run, [path])).rejects.toMatchObject({
      code: 'E_INITIAL_PARAMETERS',
      message: expect.stringContaining('parameter 1 is NaN'),
    })
    await expect(readInitialModel(run, [folder])).rejects.toMatchObject({ code: 'E_IO' })
  })

  it('is looked up as any other blob when it was given, and drawn otherwise', async () => {
    const asked: string[] = []
    const lookup = async (cid: string) => {
      asked.push(cid)
      return undefined
    }
    const { initialCid } = drawnRun.manifest.model
    const found = await withInitialModel(lookup, drawnRun)(initialCid)
    expect(decodeModel(found!, 4)).toEqual(initialTaskParameters(task, 1))
    expect(asked).toEqual([])
    expect(await withInitialModel(lookup, givenRun)(givenRun.manifest.model.initialCid)).toBeUndefined()
    expect(asked).toEqual([givenRun.manifest.model.initialCid])
    expect(() => createReplay(givenRun, lookup)).not.toThrow()
  })

  it('is given to members that are not admitted yet, and to nobody else', () => {
    const mayHave = blobGate(givenRun, (peer) => peer === members[0])
    const { initialCid } = givenRun.manifest.model
    expect(mayHave(members[0]!, 'another')).toBe(true)
    expect(mayHave(members[1]!, initialCid)).toBe(true)
    expect(mayHave(members[1]!, 'another')).toBe(false)
    expect(mayHave(stranger.peerId, initialCid)).toBe(false)
  })
})
