/** A job in a folder of its user: its document, which is served to members, its key and its id. */

import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage } from '@tempered/errors'
import {
  createIdentityFile,
  type Handover,
  type Identity,
  openHandover,
  readIdentityFile,
  systemClock,
  writeFileAtomic,
  writeNewFile,
} from '@tempered/node'
import { decodeCanonical, equalBytes, LIMITS } from '@tempered/protocol'
import type { JobBoard, SealedJob } from '@tempered/settlement'
import type { CID } from 'multiformats/cid'
import { CliError } from '../errors.js'
import { DOCUMENT_FILE } from './delivered-model.js'
import { isThere } from './is-there.js'
import { loadSettlement } from './load-settlement.js'
import type { OpenedSettlement } from './open-settlement.js'
import { settledModel } from './settled-model.js'

const JOB_FILE = 'job.json'
const IDENTITY_FILE = 'identity.key'

/** A job and its files in a folder. */
export interface UserJob {
  readonly folder: string
  readonly job: SealedJob
  readonly identity: Identity
  readonly host: Handover
  /** Saves where the user listens, before the job is posted. */
  noted(): Promise<void>
  /** Sets the id once the job is posted. */
  posted(id: `0x${string}`): Promise<void>
  readonly id: `0x${string}` | undefined
  /** Resolves with the model when a member delivers it. */
  readonly model: Promise<{ readonly cid: CID; readonly bytes: Uint8Array; readonly from: string }>
}

export interface UserJobInit {
  readonly folder: string
  readonly opened: OpenedSettlement
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  say(what: string): void
}

/** Creates the folder of a new job and opens the host that serves its document. */
export async function createUserJob(init: UserJobInit, job: SealedJob): Promise<UserJob> {
  await mkdir(init.folder, { recursive: true })
  if (!(await writeNewFile(join(init.folder, DOCUMENT_FILE), [job.bytes])))
    throw new CliError(
      'E_FILE',
      `${init.folder} already contains a job; choose another folder with --out, or continue with \`tempered job resume ${init.folder}\``,
    )
  // Only what this call has made may be removed again: the folder may be that of a node, with its key in it.
  const made = [DOCUMENT_FILE]
  try {
    const identity = await createIdentityFile(join(init.folder, IDENTITY_FILE))
    made.push(IDENTITY_FILE)
    const user = await openUserJob(init, job, identity, undefined)
    if (await isThere(join(init.folder, JOB_FILE)))
      throw new CliError('E_FILE', `${init.folder} already contains ${JOB_FILE}`)
    made.push(JOB_FILE)
    await user.noted()
    return user
  } catch (error) {
    for (const file of made) await rm(join(init.folder, file), { force: true })
    throw error
  }
}

/** Opens the folder of a job that was posted before. Throws CliError E_FILE. */
export async function reopenUserJob(init: Omit<UserJobInit, 'listen' | 'announce'>): Promise<UserJob> {
  const { job, kept, identity } = await readFolder(init.folder)
  const { createJobBoard } = await loadSettlement()
  const { client, place } = init.opened
  const { address } = client.wallet.account
  const board = createJobBoard(client, place.fromBlock)
  // A command that was killed may have posted it without writing down its id.
  const id = kept.id ?? (await postedFrom(board, address, job, identity))
  if (id === undefined) {
    const isPending =
      (await client.reader.getTransactionCount({ address, blockTag: 'pending' })) >
      (await client.reader.getTransactionCount({ address }))
    throw new CliError(
      'E_FILE',
      isPending
        ? `${init.folder}: a transaction of account ${address} is still pending, which may post this job; try again in a while`
        : `${init.folder}: account ${address} has not posted this job; remove the folder and post it again`,
    )
  }
  const posted = await board.find(id)
  if (posted === undefined) throw new CliError('E_FILE', `${init.folder}: this chain has no job ${id}`)
  if (posted.user !== address)
    throw new CliError(
      'E_USAGE',
      `${init.folder}: the job was posted by ${posted.user}, but the key is that of ${address}`,
    )
  const user = await openUserJob({ ...init, listen: kept.listen, announce: kept.announce }, job, identity, id)
  if (kept.id === undefined) await user.posted(id)
  return user
}

/** The job that an account has posted with this document and the address of this peer. */
async function postedFrom(
  board: JobBoard,
  account: `0x${string}`,
  { hash }: SealedJob,
  { signer }: Identity,
): Promise<`0x${string}` | undefined> {
  for (const id of [...(await board.postedBy(account, hash))].reverse()) {
    const posted = await board.find(id)
    if (posted?.where.some((place) => place.endsWith(`/p2p/${signer.peerId}`)) === true) return id
  }
  return undefined
}

async function readFolder(folder: string) {
  const { sealJob } = await loadSettlement()
  try {
    const bytes = await readFile(join(folder, DOCUMENT_FILE))
    const job = sealJob(decodeCanonical(new Uint8Array(bytes), LIMITS.maxManifestBytes, 'job'))
    const kept = JSON.parse(await readFile(join(folder, JOB_FILE), 'utf8')) as {
      id?: `0x${string}`
      listen: string[]
      announce: string[]
    }
    return { job, kept, identity: await readIdentityFile(join(folder, IDENTITY_FILE)) }
  } catch (error) {
    throw new CliError(
      'E_FILE',
      `${folder}: not the folder of a posted job (${errorMessage(error)})`,
      { folder },
      error,
    )
  }
}

/** Removes the files of a job that was not posted. */
export async function dropUserJob({ folder }: Pick<UserJob, 'folder'>): Promise<void> {
  for (const file of [DOCUMENT_FILE, IDENTITY_FILE, JOB_FILE]) await rm(join(folder, file), { force: true })
}

/** The id of the job in a folder. Throws CliError E_FILE. */
export async function jobInFolder(folder: string): Promise<`0x${string}`> {
  try {
    const { id } = JSON.parse(await readFile(join(folder, JOB_FILE), 'utf8')) as { id?: `0x${string}` }
    if (id !== undefined) return id
  } catch (error) {
    throw new CliError(
      'E_FILE',
      `${folder}: not the folder of a posted job (${errorMessage(error)})`,
      { folder },
      error,
    )
  }
  throw new CliError(
    'E_FILE',
    `${folder}: has no job id yet; find it with \`tempered job resume ${folder}\``,
    { folder },
  )
}

async function openUserJob(
  init: UserJobInit,
  job: SealedJob,
  identity: Identity,
  known: `0x${string}` | undefined,
): Promise<UserJob> {
  const { folder, opened, say } = init
  const { createJobBoard, sampleRunOf } = await loadSettlement()
  const board = createJobBoard(opened.client, opened.place.fromBlock)
  const { modelBytes } = sampleRunOf(job, 4)
  const digest = Buffer.from(job.hash.slice(2), 'hex')
  let id = known
  let isHere = false
  let writing: Promise<void> | undefined
  let settled: CID | undefined
  let bring!: (model: { cid: CID; bytes: Uint8Array; from: string }) => void
  const model = new Promise<{ cid: CID; bytes: Uint8Array; from: string }>((resolve) => {
    bring = resolve
  })
  const host = await openHandover({
    identity,
    listen: init.listen,
    announce: init.announce,
    clock: systemClock,
    document: (asked) => (equalBytes(asked, digest) ? job.bytes : undefined),
    async expected(cid, from) {
      if (isHere) return 'have'
      const found = id === undefined ? undefined : await board.find(id)
      // The chain's history is not searched for strangers.
      if (found?.state !== 'settled' || !found.members.some(({ peerId }) => peerId === from)) return 'refused'
      settled ??= await settledModel(opened, found)
      return settled?.equals(cid) ? modelBytes : 'refused'
    },
    async take(cid, bytes, from) {
      // The sender is told that the model has arrived: it must be on disk by then, whoever else sends it at the same time.
      writing ??= writeFileAtomic(join(folder, `${cid}.model`), bytes).finally(() => {
        writing = undefined
      })
      await writing
      if (isHere) return
      isHere = true
      bring({ cid, bytes, from })
    },
    onError: (what) => say(what),
  })
  return {
    ...{ folder, job, identity, host, model },
    get id() {
      return id
    },
    noted: () => note(),
    async posted(number) {
      id = number
      await note()
    },
  }

  async function note(): Promise<void> {
    const listen = init.listen.some((place) => /\/tcp\/0(\/|$)/.test(place))
      ? host.addresses().map((place) => place.replace(/\/p2p\/.*$/, ''))
      : init.listen
    const text = JSON.stringify({ id, listen, announce: init.announce }, null, 2)
    await writeFileAtomic(join(folder, JOB_FILE), `${text}\n`)
  }
}
