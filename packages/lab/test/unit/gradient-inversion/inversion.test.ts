import { createRng } from '@tempered/robust-agg/rng'
import { createTrainerService, type TrainerService } from '@tempered/train'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  countsOf,
  dealImages,
  decoysFor,
  type Images,
  imagesOf,
} from '../../../src/gradient-inversion/image-deal.js'
import { type InversionInit, invertRound } from '../../../src/gradient-inversion/inversion.js'
import { inversionSheet, sheetRows } from '../../../src/gradient-inversion/picture.js'
import { summariseInversions } from '../../../src/gradient-inversion/summary.js'
import { createDataset } from '../../support/small-data.js'

/** 900 images of noise, 6×6, in three classes. */
const images: Images = (() => {
  const rng = createRng(5, 'noise')
  return {
    count: 900,
    shape: [6, 6, 1],
    classes: 3,
    inputs: Uint8Array.from({ length: 900 * 36 }, () => rng.integer(256)),
    targets: Uint8Array.from({ length: 900 }, (_, k) => k % 3),
  }
})()

describe('images', () => {
  it('are dealt once, with as many decoys of each class for every target', () => {
    const deal = dealImages(images, { members: 4, each: 10, seed: 1 })
    const all = [...deal.members.flatMap((part) => [...part]), ...deal.own, ...deal.unused]
    expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: 900 }, (_, k) => k))
    expect(deal.members.map(({ length }) => length)).toEqual([10, 10, 10, 10])
    const targets = countsOf(images.targets, deal.members[0], 3)
    const decoys = countsOf(images.targets, decoysFor(images, deal.members[0], deal.unused), 3)
    const times = decoys[0] / targets[0]
    expect(times).toBeGreaterThan(10)
    expect(Array.from(decoys)).toEqual(Array.from(targets, (count) => times * count))
    expect(dealImages(images, { members: 4, each: 10, seed: 1 })).toEqual(deal)
    expect(dealImages(images, { members: 4, each: 10, seed: 2 })).not.toEqual(deal)
  })

  it('have at most 99 decoys each, and members the classes that they take turns with', () => {
    const deal = dealImages(images, { members: 3, each: 1, classesEach: 1, seed: 1 })
    expect(new Set(deal.members.map(([image]) => images.targets[image])).size).toBe(3)
    expect(decoysFor(images, deal.members[0], deal.unused)).toHaveLength(99)
  })

  it('have fewer decoys than targets where there are not enough, in the same mix of classes', () => {
    const numbers = (from: number, to: number) => Uint32Array.from({ length: to - from }, (_, k) => from + k)
    // 100 of each class, and 50 others of class 2.
    const unused = numbers(300, 900).filter((image) => images.targets[image] < 2 || image < 450)
    const decoys = decoysFor(images, numbers(0, 300), unused)
    expect(Array.from(countsOf(images.targets, decoys, 3))).toEqual([50, 50, 50])
  })

  it.each<[string, string, RegExp, () => unknown]>([
    [
      'too many',
      'E_CONFIG',
      /need 900 images.*are 900/,
      () => dealImages(images, { members: 7, each: 100, seed: 1 }),
    ],
    [
      'too many of a class',
      'E_CONFIG',
      /member 0 needs 300 images of 1 classes/,
      () => dealImages(images, { members: 2, each: 300, classesEach: 1, seed: 1 }),
    ],
    [
      'no class',
      'E_CONFIG',
      /1 to 3 classes, not of 0/,
      () => dealImages(images, { members: 1, each: 1, classesEach: 0, seed: 1 }),
    ],
    [
      'no decoys',
      'E_CONFIG',
      /no images are left/,
      () => decoysFor(images, Uint32Array.of(0), new Uint32Array(0)),
    ],
    [
      'no images',
      'E_CONFIG',
      /holds no images/,
      () => {
        const train = { ...createDataset(2, 2), inputs: new Float32Array(80) }
        return imagesOf({ train, test: train })
      },
    ],
  ])('are refused: %s', (_, code, message, call) => {
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })

  it('are those of both parts of a source', () => {
    const train = createDataset(2, 2)
    const test = { ...createDataset(2, 2), inputs: new Uint8Array(80).fill(9) }
    const all = imagesOf({ train, test })
    expect([all.count, all.inputs[79], all.inputs[80], all.targets[20]]).toEqual([40, 0, 9, 0])
  })
})

describe('a round', () => {
  let service: TrainerService
  let init: InversionInit
  beforeAll(async () => {
    service = await createTrainerService({ backend: 'simd' })
    init = {
      ...{ images, service, model: 'mlp', warmUp: 0, members: 5, threshold: 1, range: 1, seed: 3 },
      training: { steps: 1, batchSize: 1, learningRate: 0.05, momentum: 0.9 },
    }
  })
  afterAll(() => service.close())

  it('is the same for the same seed, and gives away everything but with private', async () => {
    const found = await invertRound(init)
    expect(await invertRound(init)).toEqual(found)
    const { update, shares, sum } = found.victim
    expect(update).toMatchObject({ labels: 1, matched: 1, recovered: 1, decoysRecovered: 0 })
    expect(shares).toMatchObject({ matched: 0, recovered: 0 })
    expect(update.chance).toBe(0.01)
    // Two of five members have the same label at least, there being three, and distances say which.
    const labels = dealImages(images, { members: 5, each: 1, seed: 3 }).members.map(
      ([k]) => images.targets[k],
    )
    const same = labels.flatMap((label, k) => labels.slice(k + 1).map((other) => Number(other === label)))
    expect(found.nearestPair.labels).toBe(1)
    expect(found.nearestPair.labelChance).toBeCloseTo(same.reduce((sum, one) => sum + one, 0) / 10, 12)
    // The sum is of four images, each of which some unit isolates; whose it is, nothing says.
    expect(found.group).toMatchObject({ matched: 1, labels: 1 })
    expect(sum.matched).toBeCloseTo(1 / 4, 12)
  })

  it('of several steps trains on every image, and a model that is warmed up is another one', async () => {
    const training = { ...init.training, steps: 4, batchSize: 2 }
    const cold = await invertRound({ ...init, model: 'softmax', range: 4, training })
    const warm = await invertRound({ ...init, model: 'softmax', range: 4, training, warmUp: 5 })
    expect(cold).toMatchObject({ steps: 4, batchSize: 2, warmUp: 0, shortened: 0 })
    expect(cold.pictures).toHaveLength(8)
    expect(warm.victim.update).not.toEqual(cold.victim.update)
    const all = await invertRound({ ...init, range: 1e-3 })
    expect(all.shortened).toBe(5)
  })

  it('of members that cannot open a distance is refused before anything is trained', async () => {
    const never = { open: () => Promise.reject(new Error('trained')) }
    await expect(invertRound({ ...init, service: never, threshold: 2 })).rejects.toThrow(
      expect.objectContaining({ code: 'E_SHARING_PARAMS', message: expect.stringMatching(/to 1 at most/) }),
    )
  })

  it('is summed up over seeds, and drawn', async () => {
    const results = [await invertRound(init), await invertRound({ ...init, seed: 4 })]
    const rows = summariseInversions([...results, await invertRound({ ...init, model: 'softmax' })])
    expect(rows.map(({ model, view, of }) => `${model} ${view} ${of}`)).toEqual(
      ['mlp', 'softmax'].flatMap((model) =>
        ['update victim', 'shares victim', 'distances pair', 'sum victim', 'sum group'].map(
          (what) => `${model} ${what}`,
        ),
      ),
    )
    const values = results.map(({ group }) => group.recovered)
    expect(rows[4].recovered).toMatchObject({ values, mean: (values[0] + values[1]) / 2 })
    const pictures = results.flatMap((result) => result.pictures)
    const drawn = sheetRows(pictures)
    expect(drawn.map((row) => row.length)).toEqual([2, 2, 2, 2])
    expect(drawn[0][1]).toEqual(pictures[1].image)
    // The update shows the image itself, stretched to the full range.
    const image = [...pictures[0].image]
    const [low, high] = [Math.min(...image), Math.max(...image)]
    for (const [k, value] of image.entries())
      expect(Math.abs(drawn[1][0]![k] - (255 * (value - low)) / (high - low))).toBeLessThanOrEqual(2)
    const one = Float64Array.of(4, 4, 4)
    const closest = { update: undefined, shares: one, sum: Float64Array.of(-1, 1, 0) }
    expect(sheetRows([{ image: Uint8Array.of(1, 2, 3), closest }])).toEqual([
      [Uint8Array.of(1, 2, 3)],
      [undefined],
      [Uint8Array.of(0, 0, 0)],
      [Uint8Array.of(0, 255, 128)],
    ])
    const png = await inversionSheet(pictures, images.shape)
    // Width and height of the header: four rows of two images of 36×36 pixels each, with gaps of two.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * 38 + 2, 4 * 38 + 2])
  })
})
