/** Waits for what comes of a job, and receives its model. */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { counted, errorMessage } from '@tempered/errors'
import { manifestTask, sleep, systemClock } from '@tempered/node'
import { blobCid, decodeModel } from '@tempered/protocol'
import type { JobBoard, PostedJob, SealedJob } from '@tempered/settlement'
import { exportModel } from '@tempered/train/export'
import type { CID } from 'multiformats/cid'
import { CliError } from '../errors.js'
import { isThere } from './is-there.js'
import { loadSettlement } from './load-settlement.js'
import type { OpenedSettlement } from './open-settlement.js'
import { settledModel } from './settled-model.js'
import { refund } from './take-back.js'
import type { UserJob } from './user-job.js'

/** What `exportModel` writes. */
const MODEL_FILE = 'model.safetensors'
const POLL_MS = 1_000
/** How long a user stays online after it has received the model. */
const LINGER_MS = 15_000
/** How long after the settlement a user waits for the model. */
const DELIVERY_MS = 600_000

/**
 * Waits until a job is over and its model is here; resolves with the file of the model, or undefined for a job that was
 * refunded. Rejects with CliError E_GOAL_MISSED when nobody delivers the model.
 */
export async function awaitJob(
  { folder, job, model, id }: UserJob,
  opened: OpenedSettlement,
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const earlier = join(folder, MODEL_FILE)
  if (await isThere(earlier)) return earlier
  const { createJobBoard } = await loadSettlement()
  const board = createJobBoard(opened.client, opened.place.fromBlock)
  const settled = await untilOver(board, opened, id!, say, signal)
  if (settled === undefined || settled.state === 'refunded') return undefined
  const bought = await boughtModel(folder, opened, settled)
  if (bought !== undefined) return writeModel(folder, job, bought)
  say('the job is settled; waiting for the model')
  const limit = systemClock.deadline(DELIVERY_MS, signal)
  const late = new Promise<undefined>((resolve) => {
    limit.signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const brought = await Promise.race([model, late]).finally(() => limit.clear())
  if (signal.aborted) return undefined
  if (brought === undefined)
    throw new CliError(
      'E_GOAL_MISSED',
      `no member delivered the model within ${DELIVERY_MS / 60_000} minutes; members keep trying for 30 days; wait again with \`tempered job resume ${folder}\``,
    )
  say(`received model ${brought.cid} from ${brought.from}`)
  const file = await writeModel(folder, job, brought)
  // The other members offer it too, and are told that it has arrived.
  await sleep(systemClock, LINGER_MS, signal)
  return file
}

/** The model that an earlier start has received but not written out; undefined for none. */
async function boughtModel(folder: string, opened: OpenedSettlement, job: PostedJob) {
  const cid = await settledModel(opened, job)
  if (cid === undefined) return undefined
  const bytes = await readFile(join(folder, `${cid}.model`)).catch(() => undefined)
  return bytes !== undefined && blobCid(bytes).equals(cid) ? { cid, bytes: new Uint8Array(bytes) } : undefined
}

/** The job once it is over; undefined when the signal came first. A job past its deadline is refunded. */
async function untilOver(
  board: JobBoard,
  opened: OpenedSettlement,
  id: `0x${string}`,
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<PostedJob | undefined> {
  let told = ''
  while (!signal.aborted) {
    try {
      const job = await board.find(id)
      if (job === undefined) throw new CliError('E_FILE', `there is no job ${id} on this chain`)
      if (job.state === 'settled' || job.state === 'refunded') return job
      const now = stageText(job)
      if (now !== told) say(now)
      told = now
      await refundIfLate(opened, job, say)
    } catch (error) {
      if (signal.aborted) return undefined
      if (error instanceof CliError) throw error
      say(`${errorMessage(error)}; retrying`)
    }
    await sleep(systemClock, POLL_MS, signal)
  }
  return undefined
}

const stageText = ({ state, members, terms }: PostedJob): string =>
  state === 'open'
    ? `${members.length} of ${counted(terms.members, 'member')} accepted`
    : 'all members have accepted; training'

/** Has the budget refunded once nobody can accept or settle the job any more. */
async function refundIfLate(
  opened: OpenedSettlement,
  { id, state, terms }: PostedJob,
  say: (what: string) => void,
): Promise<void> {
  const { timestamp } = await opened.client.reader.getBlock()
  if (timestamp <= (state === 'open' ? terms.acceptUntil : terms.settleUntil)) return
  say(state === 'open' ? 'not enough members accepted in time' : 'the deadline has passed without settlement')
  await refund(opened, id)
}

/** The model as a file for other programs, next to the received blob. */
async function writeModel(
  folder: string,
  job: SealedJob,
  { cid, bytes }: { readonly cid: CID; readonly bytes: Uint8Array },
): Promise<string> {
  if (!blobCid(bytes).equals(cid))
    throw new CliError('E_FILE', `the received bytes do not match model ${cid}`)
  const { sampleRunOf } = await loadSettlement()
  const { manifest } = sampleRunOf(job, 4)
  const parameters = decodeModel(bytes, manifest.model.parameterCount)
  const files = await exportModel(manifestTask(manifest), parameters, 'safetensors', {
    model: cid.toString(),
  })
  for (const { name, bytes: content } of files) await writeFile(join(folder, name), content)
  return join(folder, files[0]!.name)
}
