import { createIdentityFile, readIdentityFile } from '@tempered/node'
import { approveChange, openChange } from '@tempered/protocol'
import { CliError } from '../errors.js'
import { askNode } from '../membership/ask-node.js'
import { changesText } from '../membership/change-text.js'
import { findMember } from '../membership/find-member.js'
import { nextKeyPath } from '../membership/next-key.js'
import {
  askedBy,
  awaitOthers,
  type ChangeOptions,
  reportChange,
  requestChange,
} from '../membership/report-change.js'

const PEER_ID = /^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/

/** `tempered member list` */
export async function memberList(options: ChangeOptions): Promise<void> {
  const { json } = options
  const node = await askedBy(options)
  const { changes } = await node.ask({ ask: 'list' })
  process.stdout.write(`${json === true ? JSON.stringify(changes) : changesText(changes, node.peer)}\n`)
}

/** `tempered member add`: signs that a node be added; each member that decides calls it, or `member approve`. */
export async function memberAdd(peer: string, options: ChangeOptions): Promise<void> {
  if (!PEER_ID.test(peer))
    throw new CliError(
      'E_USAGE',
      `${peer} is no peer id (12D3Koo…); \`tempered node id\` prints that of a node`,
    )
  const node = await askedBy(options)
  await requestChange(
    node,
    { ask: 'propose', amendment: { kind: 'add', member: peer }, ...fromOf(options) },
    options.json,
  )
}

/** `tempered member remove`: signs that a member go. */
export async function memberRemove(peer: string, options: ChangeOptions): Promise<void> {
  const node = await askedBy(options)
  const member = findMember((await node.ask({ ask: 'list' })).changes, peer)
  await requestChange(
    node,
    { ask: 'propose', amendment: { kind: 'remove', member }, ...fromOf(options) },
    options.json,
  )
}

/** `tempered member leave`: the nodes of the others sign it by themselves. */
export async function memberLeave(options: ChangeOptions): Promise<void> {
  const node = await askNode(options.config)
  const amendment = { kind: 'remove', member: node.peer } as const
  const reply = await node.ask({ ask: 'propose', amendment, ...fromOf(options) })
  reportChange(await awaitOthers(node, reply), node.isRunning, options.json)
}

/** `tempered member approve`: signs a change that waits. */
export async function memberApprove(change: string, options: ChangeOptions): Promise<void> {
  const node = await askedBy(options)
  await requestChange(node, { ask: 'approve', change: change.replace(/^…/, '') }, options.json)
}

/**
 * `tempered member rotate`: makes a new key and signs with the old and the new one that it take the place of the old. The
 * node, if it runs, goes on with the new key by itself.
 */
export async function memberRotate(options: ChangeOptions): Promise<void> {
  const node = await askNode(options.config)
  const path = nextKeyPath(node.config.key)
  const next = await readIdentityFile(path).catch(() => createIdentityFile(path))
  const amendment = { kind: 'replace', member: node.peer, by: next.signer.peerId } as const
  const { bytes } = await node.ask({ ask: 'propose', amendment, ...fromOf(options) })
  const signed = approveChange(openChange(new Uint8Array(Buffer.from(bytes!, 'base64'))), next.signer)
  const reply = await node.ask({ ask: 'take', change: Buffer.from(signed.bytes).toString('base64') })
  reportChange(await awaitOthers(node, reply), node.isRunning, options.json)
  process.stderr.write(
    `the new key is ${path}; keep both until the node has gone over to it, which it does by itself\n`,
  )
}

/** `tempered member replace`: a quorum gives a member that has lost its key another one. */
export async function memberReplace(
  peer: string,
  { by, ...options }: ChangeOptions & { readonly by: string },
): Promise<void> {
  const node = await askedBy(options)
  const member = findMember((await node.ask({ ask: 'list' })).changes, peer)
  if (!PEER_ID.test(by)) throw new CliError('E_USAGE', `--by ${by} is no peer id (12D3Koo…)`)
  await requestChange(
    node,
    { ask: 'propose', amendment: { kind: 'replace', member, by }, ...fromOf(options) },
    options.json,
  )
}

export interface RunExtendOptions extends ChangeOptions {
  readonly rounds?: number
  readonly deadline?: Readonly<Record<string, number>>
}

/** `tempered run extend`: signs that the run have another number of rounds, or other deadlines. */
export async function runExtend({ rounds, deadline, ...options }: RunExtendOptions): Promise<void> {
  if ((rounds === undefined) === (deadline === undefined))
    throw new CliError('E_USAGE', 'give --rounds, or --deadline, in one call; two changes are two calls')
  const node = await askedBy(options)
  const amendment =
    rounds === undefined
      ? ({ kind: 'deadlines', deadlines: { ...deadline } } as const)
      : ({ kind: 'rounds', rounds } as const)
  await requestChange(node, { ask: 'propose', amendment, ...fromOf(options) }, options.json)
}

function fromOf({ from }: ChangeOptions): { readonly from?: number } {
  return from === undefined ? {} : { from }
}
