/** The models of jobs on a node's disk: those of results that it has signed, and those that users still wait for. */

import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic, writeNewFile } from '@tempered/node'
import { blobCid } from '@tempered/protocol'
import type { Delivery, JobResult, JobSite } from '@tempered/settlement'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { sumsJson } from './sums-json.js'

const MODEL = '.model'
const DELIVERY = 'delivery.json'

const deliverySchema = z.object({
  job: z.string().regex(/^0x[0-9a-f]{64}$/),
  model: z.string(),
  where: z.array(z.string()),
  until: z.number(),
})

/** The folder of a job below that of all jobs. */
export const jobFolder = (jobs: string, job: string): string => join(jobs, job.slice(2))

type JobModels = Pick<JobSite, 'keepModel' | 'keepResult' | 'modelOf' | 'undelivered' | 'owe' | 'delivered'>

/** `jobs`: the folder of all jobs. */
export function createJobModels(jobs: string): JobModels {
  const fileOf = (job: string, model: CID): string => join(jobFolder(jobs, job), `${model}${MODEL}`)
  return {
    async keepModel(job, model, bytes, current) {
      const folder = jobFolder(jobs, job)
      await mkdir(folder, { recursive: true })
      await writeNewFile(fileOf(job, model), [bytes])
      await removeOthers(folder, [model, ...current])
    },
    async keepResult(job, result) {
      const folder = jobFolder(jobs, job)
      await writeFileAtomic(join(folder, 'result.json'), `${resultText(result)}\n`)
      await removeOthers(folder, [result.model])
    },
    async modelOf(job, model) {
      const bytes = await readFile(fileOf(job, model)).catch(() => undefined)
      // One that was damaged on disk is no model that anybody has paid for.
      return bytes !== undefined && blobCid(bytes).equals(model) ? new Uint8Array(bytes) : undefined
    },
    async undelivered() {
      const names = await readdir(jobs).catch(() => [])
      return (await Promise.all(names.map((name) => readDelivery(join(jobs, name))))).flat()
    },
    async owe(delivery) {
      const text = JSON.stringify({ ...delivery, model: delivery.model.toString() })
      await writeFileAtomic(join(jobFolder(jobs, delivery.job), DELIVERY), `${text}\n`)
    },
    delivered: (job) => rm(join(jobFolder(jobs, job), DELIVERY), { force: true }),
  }
}

/** Removes all models of a folder but these. */
async function removeOthers(folder: string, kept: readonly CID[]): Promise<void> {
  const names = new Set(kept.map((model) => `${model}${MODEL}`))
  for (const name of await readdir(folder))
    if (name.endsWith(MODEL) && !names.has(name)) await rm(join(folder, name))
}

function resultText({ model, block, rounds, metric, weights, freeRiders }: JobResult): string {
  return sumsJson({
    model: model.toString(),
    block: block.toString(),
    ...{ rounds, metric, weights, freeRiders },
  })
}

/** What a user waits for, by the file in a job's folder; none where there is no such file, or a damaged one. */
async function readDelivery(folder: string): Promise<Delivery[]> {
  try {
    const { job, model, where, until } = deliverySchema.parse(
      JSON.parse(await readFile(join(folder, DELIVERY), 'utf8')),
    )
    return [{ job: job as Delivery['job'], model: CID.parse(model), where, until }]
  } catch {
    return []
  }
}
