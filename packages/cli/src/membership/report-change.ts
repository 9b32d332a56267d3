import pc from 'picocolors'
import type { AskedNode } from './ask-node.js'
import type { ChangeReply, ChangeRequest } from './change-requests.js'
import { changeText, signaturesText } from './change-text.js'

export interface ChangeOptions {
  readonly config: string
  /** 1-based round. */
  readonly from?: number
  readonly json?: boolean
}

/** Has a node sign a change and prints what came of it. */
export async function requestChange(
  node: AskedNode,
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
