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
  /** 1-based round. */
  readonly from?: number
  readonly json?: boolean
}

/** Whom a command asks: the node of a folder, or for an owner a member. */
export function askedBy({ config, to, key, manifest }: ChangeOptions): Promise<Omit<AskedNode, 'config'>> {
  if (to === undefined && key === undefined && manifest === undefined) return askNode(config)
  if (to !== undefined && key !== undefined && manifest !== undefined) return askMember({ to, key, manifest })
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
