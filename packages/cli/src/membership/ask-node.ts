import { join } from 'node:path'
import {
  CHANGES_FILE,
  createChangeFile,
  LEDGER_FILE,
  ledgerEntries,
  lockOwner,
  lockState,
  type Membership,
  openMembership,
  readIdentityFile,
  readLedgerRun,
  silentLogger,
} from '@tempered/node'
import { errorMessage } from '@tempered/node/errors'
import { makeFolder } from '@tempered/train'
import { loadManifest } from '../config/manifest-file.js'
import { loadNodeConfig, type NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { askSocket } from '../operate/ask-status.js'
import { answerChangeRequest, type ChangeReply, type ChangeRequest } from './change-requests.js'

export interface AskedNode {
  readonly config: NodeConfig
  /** Peer id of the node's key. */
  readonly peer: string
  readonly isRunning: boolean
  ask(request: ChangeRequest): Promise<ChangeReply>
}

/**
 * The node of a folder: the one that runs there is asked over its socket; for one that does not, its state is read and
 * written, and others hear of what it signs when it starts. Throws E_CONFIG, E_KEY, E_NO_ANSWER, E_STATE_IN_USE.
 */
export async function askNode(folder: string): Promise<AskedNode> {
  const config = await loadNodeConfig(folder)
  const identity = await readIdentityFile(config.key)
  const isRunning = (await lockOwner(config.state))?.isAlive === true
  return {
    config,
    peer: identity.signer.peerId,
    isRunning,
    async ask(request) {
      if (isRunning) return askRunning(config, request)
      return withState(config, (membership) => answerChangeRequest(request, membership, identity.signer))
    },
  }
}

async function askRunning(config: NodeConfig, request: ChangeRequest): Promise<ChangeReply> {
  const reply = await askSocket<{ reply?: ChangeReply }>(config.state, `changes ${JSON.stringify(request)}`)
  if (reply?.reply !== undefined) return reply.reply
  throw new CliError('E_NO_ANSWER', `the node on ${config.state} has just stopped; ask again`)
}

/** What a node that does not run knows of the changes of its run, while its state is locked. */
async function withState<T>(config: NodeConfig, work: (membership: Membership) => Promise<T>): Promise<T> {
  await makeFolder(config.state)
  const release = await lockState(config.state)
  try {
    const run = (await readLedgerRun(config.state)) ?? (await manifestOf(config))
    const membership = await openMembership(
      run,
      createChangeFile(join(config.state, CHANGES_FILE)),
      silentLogger,
    )
    membership.enter((await lastRound(config.state)) + 1, [])
    return await work(membership)
  } finally {
    await release()
  }
}

async function manifestOf({ file, manifest }: NodeConfig) {
  if (manifest !== undefined && 'file' in manifest) return loadManifest(manifest.file)
  throw new CliError(
    'E_CONFIG',
    `${file}: this node has not run yet, so its run is not known here; start it, or name a manifest file`,
    { file },
  )
}

/** Round of the newest ledger entry, from 0; −1 for none. */
async function lastRound(state: string): Promise<number> {
  let last = -1
  try {
    for await (const { body } of ledgerEntries(join(state, LEDGER_FILE))) last = body.round
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return -1
    throw new CliError('E_LEDGER_INVALID', `${join(state, LEDGER_FILE)}: ${errorMessage(error)}`, {}, error)
  }
  return last
}
