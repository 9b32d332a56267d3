import { cidFromDigest, RAW } from '@tempered/protocol'
import type { PostedJob } from '@tempered/settlement'
import type { CID } from 'multiformats/cid'
import { loadSettlement } from './load-settlement.js'
import type { OpenedSettlement } from './open-settlement.js'

/** The model that a settled job has come to; undefined for none. */
export async function settledModel({ client }: OpenedSettlement, job: PostedJob): Promise<CID | undefined> {
  const { jobStatus } = await loadSettlement()
  const { outcome } = await jobStatus(client, job.id, job.postedIn)
  return outcome === undefined ? undefined : cidFromDigest(RAW, Buffer.from(outcome.model.slice(2), 'hex'))
}
