import { sleep, systemClock } from '@tempered/node'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { askMember } from './ask-member.js'
import { type AskedNode, askNode } from './ask-node.js'
import type { ChangeReply, ChangeRequest } from './change-requests.js'
import { changeText, signaturesText } from './change-text.js'

export interface ChangeOptions {
  readonly config: string
  /** For an owner who runs no node: the member that is asked, the owner's key, and the manifest. */
  readonly to?: string
  readonly key?: string
  readonly manifest?: string
  readonly networkKey?: string
  /** 1-based round. */
  readonly from?: number
  readonly json?: boolean
}

/** Whom a command asks: the node of a folder, or for an owner a member. */
export function askedBy({
  config,
  to,
  key,
  manifest,
  networkKey,
}: ChangeOptions): Promise<Omit<AskedNode, 'config'>> {
  if (to === undefined && key === undefined && manifest === undefined) return askNode(config)
  if (to !== undefined && key !== undefined && manifest !== undefined)
    return askMember({ to, key, manifest, networkKey })
  throw new CliError('E_USAGE', 'an owner who runs no node gives --to, --key and --manifest together')
}

/** Has a node sign a change and prints what came of it. */
export async function requestChange(
  node: Omit<AskedNode, 'config'>,
  request: ChangeRequest,
  json: boolean | undefined,
): Promise<ChangeReply> {
  const reply = await node.ask(request)
  reportChange(reply, node.isRunning, json)
  return reply
}

/** How long the nodes of the others may take to sign what a member says of itself. */
const OWN_AFFAIR_MS = 15_000
const AGAIN_MS = 250

/** The same reply once its change is decided, which needs no operator but running nodes; or as it is after a while. */
export async function awaitOthers(node: AskedNode, reply: ChangeReply): Promise<ChangeReply> {
  let last = reply
  const begun = systemClock.monotonicMs()
  while (node.isRunning && last.changes.pending.some((one) => one.change === reply.change)) {
    if (systemClock.monotonicMs() - begun > OWN_AFFAIR_MS) break
    await sleep(systemClock, AGAIN_MS)
    last = { ...reply, changes: (await node.ask({ ask: 'list' })).changes }
  }
  return last
}

export function reportChange(
  { change, changes }: ChangeReply,
  isRunning: boolean,
  json: boolean | undefined,
): void {
  const decided = changes.decided.find((one) => one.change === change)
  const one = decided ?? changes.pending.find((other) => other.change === change)
  if (one === undefined) return
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ ...one, isDecided: decided !== undefined })}\n`)
    return
  }
  process.stdout.write(`${changeText(one)}\n`)
  if (decided === undefined)
    process.stdout.write(
      `${pc.yellow('waits')}: ${signaturesText(one)}\n` +
        `the others sign it with: tempered member approve ${one.change.slice(-8)}\n`,
    )
  else if (one.problem === null) process.stdout.write(`${pc.green('decided')}\n`)
  else process.stdout.write(`${pc.yellow('decided, but without effect')}: ${one.problem}\n`)
  if (!isRunning)
    process.stderr.write('this node does not run: the others hear of its signature when it starts\n')
}
