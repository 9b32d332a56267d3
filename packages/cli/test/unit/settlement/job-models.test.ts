import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid, documentCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createJobModels, jobFolder } from '../../../src/settlement/job-models.js'
import { inTemporaryFolder } from '../../support/run-cli.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const job = `0x${'ab'.repeat(32)}` as const
const first = bytes('first')
const second = bytes('second')
const result = {
  ...{ model: blobCid(second), block: documentCid(bytes('block')), rounds: 3, metric: 1n },
  ...{ weights: [1n], freeRiders: [], contributions: [] },
}

describe('models of jobs on disk', () => {
  it('are all kept until the job is settled, then the settled one', () =>
    inTemporaryFolder(async (folder) => {
      const models = createJobModels(folder)
      for (const one of [first, second, first])
        await models.keepModel(job, blobCid(one), one, [blobCid(first), blobCid(second)])
      expect(await models.modelOf(job, blobCid(first))).toEqual(first)
      await models.keepModel(job, blobCid(bytes('third')), bytes('third'), [blobCid(first)])
      expect(await models.modelOf(job, blobCid(second))).toBeUndefined()
      await models.keepModel(job, blobCid(second), second, [blobCid(first)])
      await models.keepResult(job, result)
      expect(await models.modelOf(job, blobCid(first))).toBeUndefined()
      expect(await models.modelOf(job, blobCid(second))).toEqual(second)
      expect((await readdir(jobFolder(folder, job))).sort()).toEqual([`${result.model}.model`, 'result.json'])
    }))

  it('are not given out once they are damaged', () =>
    inTemporaryFolder(async (folder) => {
      const models = createJobModels(folder)
      await models.keepModel(job, blobCid(first), first, [])
      await writeFile(join(jobFolder(folder, job), `${blobCid(first)}.model`), second)
      expect(await models.modelOf(job, blobCid(first))).toBeUndefined()
    }))

  it('that users wait for are remembered over a restart; what is damaged of that is left out', () =>
    inTemporaryFolder(async (folder) => {
      const models = createJobModels(folder)
      expect(await createJobModels(join(folder, 'none')).undelivered()).toEqual([])
      const other = `0x${'cd'.repeat(32)}` as const
      for (const one of [job, other]) await models.keepModel(one, blobCid(first), first, [])
      const delivery = { job, model: blobCid(first), where: ['/ip4/127.0.0.1/tcp/1'], until: 5 }
      await models.owe(delivery)
      await mkdir(jobFolder(folder, other), { recursive: true })
      await writeFile(join(jobFolder(folder, other), 'delivery.json'), '{')
      const [found, ...more] = await createJobModels(folder).undelivered()
      expect(more).toEqual([])
      expect({ ...found, model: found!.model.toString() }).toEqual({
        ...delivery,
        model: delivery.model.toString(),
      })
      await models.delivered(job)
      expect(await models.undelivered()).toEqual([])
      await models.delivered(job)
    }))
})
