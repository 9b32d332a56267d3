import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { createTrainerService } from '../../../dist/trainer/trainer-service.js'
import { type DataSource, inMemory } from '../../../src/data/dataset.js'
import { loadData } from '../../../src/data/load-data.js'
import type { FileRows } from '../../../src/data/row-file.js'
import { ownTask } from '../../support/own-task.js'

const task = ownTask(
  { type: 'table', columns: [{ name: 'a', type: 'number', mean: 50, deviation: 30 }] },
  { type: 'class', column: 'y', classes: 2 },
)
const table = `a,y\n${Array.from({ length: 3000 }, (_, k) => `${(k * 7) % 101},${k % 2}\n`).join('')}`
const request = { round: 0, steps: 40, batchSize: 16, learningRate: 0.1, momentum: 0.9 }

describe('the training thread with samples on disk', () => {
  it('computes the same bits as with samples in memory, for several nodes of one file', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 't.csv')
      await writeFile(source, table)
      const whole = await loadData({ source }, '', task)
      const disk = await loadData({ source, memory: '6kB' }, join(folder, 'cache'), task)
      expect(inMemory(disk.train.inputs)).toBe(false)
      const service = await createTrainerService()
      const results = async ({ train, test }: DataSource, node: number) => {
        const indices = Uint32Array.from({ length: 1000 }, (_, k) => 2 * k + node)
        const trainer = await service.open({
          task: task.task,
          train: { ...train, indices },
          test,
          nodeId: node,
          seed: 1,
        })
        const result = await trainer.train(request)
        const parameters = trainer.getParameters(new Float32Array(trainer.parameterCount))
        return { result, parameters, evaluation: await trainer.evaluate() }
      }
      try {
        for (const node of [0, 1]) expect(await results(disk, node)).toEqual(await results(whole, node))
      } finally {
        await service.close()
      }
    }))

  it('reports a file that was cut off, and goes on with other trainers', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 't.csv')
      await writeFile(source, table)
      const whole = await loadData({ source }, '', task)
      const disk = await loadData({ source, memory: '6kB' }, join(folder, 'cache'), task)
      const service = await createTrainerService()
      const opened = ({ train, test }: DataSource) =>
        service.open({
          task: task.task,
          train: { ...train, indices: Uint32Array.of(0, 1, 2) },
          test,
          nodeId: 0,
          seed: 1,
        })
      try {
        const trainer = await opened(disk)
        const before = trainer.getParameters(new Float32Array(trainer.parameterCount))
        const file = await open((disk.train.inputs as FileRows).path, 'r+')
        await file.truncate(100)
        await file.close()
        await expect(trainer.train(request)).rejects.toMatchObject({
          name: 'TrainError',
          code: 'E_DATA_LOST',
          message: expect.stringContaining('has 100 bytes'),
        })
        expect(trainer.getParameters(new Float32Array(trainer.parameterCount))).toEqual(before)
        expect((await (await opened(whole)).train(request)).samples).toBe(120)
      } finally {
        await service.close()
      }
    }))
})
