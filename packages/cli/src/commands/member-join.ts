import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import {
  bringInvitation,
  CHANGES_FILE,
  createChangeFile,
  createIdentityFile,
  createMembership,
  errorCode,
  errorMessage,
  type Identity,
  type JoinAnswer,
  readIdentityFile,
  readInvitation,
  silentLogger,
  sleep,
  systemClock,
  writeFileAtomic,
} from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { z } from 'zod'
import { nodeConfigSchema } from '../config/node-config.js'
import { inNetwork } from '../config/node-keys.js'
import { nodeTemplate } from '../config/node-template.js'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'

export interface MemberJoinOptions {
  readonly folder: string
  readonly name?: string
  readonly listen?: readonly string[]
  /** Key file of the private network. */
  readonly networkKey?: string
  /** False: do not wait until the change that adds the node is decided. */
  readonly wait: boolean
}

const AGAIN_MS = 2_000

/**
 * `tempered member join`: takes an invitation to the member that gave it, waits until the members have decided, and writes a
 * node folder for the run. Called again it goes on where it was.
 */
export async function memberJoin(text: string, options: MemberJoinOptions): Promise<void> {
  const { invitation, bytes } = readInvitation(await textOf(text))
  const folder = resolve(options.folder)
  await makeFolder(folder)
  const key = join(folder, 'identity.key')
  const own = existsSync(key) ? await readIdentityFile(key) : await createIdentityFile(key)
  const identity = await inNetwork(own, options.networkKey)
  process.stderr.write(`this node is ${identity.signer.peerId}\n`)
  const stopping = new AbortController()
  const interruption = onInterrupt(async () =>
    stopping.abort(new DOMException('stopped by a signal', 'AbortError')),
  )
  try {
    const call = { run: invitation.run, bytes }
    const answer = await admitted(identity, invitation.addresses, call, options.wait, stopping.signal)
    if (answer === undefined) return
    await writeNode(folder, identity, answer, invitation.addresses, options)
    process.stdout.write(`${identity.signer.peerId}\n`)
    process.stderr.write(
      `${answer.isMember ? 'added' : 'not added yet'} to run ${answer.run.id} ("${answer.run.manifest.name}"), which is in round ${answer.round + 1}\n` +
        `next: set \`data\` in ${join(options.folder, 'node.yaml')}, then: tempered node start --config ${options.folder}\n`,
    )
  } finally {
    interruption.dispose()
    if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  }
}

/** The invitation itself, or the file that it is in, or `-` for standard input. */
async function textOf(text: string): Promise<string> {
  if (text.startsWith('tempered-invitation-')) return text
  try {
    return text === '-' ? readFileSync(0, 'utf8') : await readFile(text, 'utf8')
  } catch (error) {
    throw new CliError(
      'E_FILE',
      `${text}: ${errorMessage(error)}; give an invitation, or a file with one`,
      {},
      error,
    )
  }
}

/** Asks until it is decided that this node is a member; undefined when it was stopped before any answer. */
async function admitted(
  identity: Identity,
  addresses: readonly string[],
  call: Parameters<typeof bringInvitation>[2],
  wait: boolean,
  signal: AbortSignal,
): Promise<JoinAnswer | undefined> {
  let last: JoinAnswer | undefined
  let told: string | undefined
  while (!signal.aborted) {
    const outcome = await askAny(identity, addresses, call, signal)
    if ('answer' in outcome) last = outcome.answer
    if (last !== undefined && (last.isMember || !wait)) return last
    const news =
      'answer' in outcome
        ? 'the members have not decided yet; waiting (Ctrl-C ends that; call it again)'
        : outcome.why
    if (news !== told) process.stderr.write(`${news}\n`)
    told = news
    await sleep(systemClock, AGAIN_MS, signal)
  }
  return last
}

async function askAny(
  identity: Identity,
  addresses: readonly string[],
  call: Parameters<typeof bringInvitation>[2],
  signal: AbortSignal,
): Promise<{ readonly answer: JoinAnswer } | { readonly why: string }> {
  let why = 'nobody was asked'
  for (const address of addresses) {
    try {
      return { answer: await bringInvitation(identity, address, call, systemClock, signal) }
    } catch (error) {
      // A refusal stays one.
      if (['E_INVITATION', 'E_KEY', 'E_MANIFEST', 'E_UNSUPPORTED_VERSION'].includes(errorCode(error)))
        throw error
      why = `no answer yet, trying again: ${errorMessage(error)}`
    }
  }
  return { why }
}

async function writeNode(
  folder: string,
  identity: Identity,
  { run, changes, addresses }: JoinAnswer,
  invited: readonly string[],
  options: MemberJoinOptions,
): Promise<void> {
  const state = join(folder, 'state')
  await makeFolder(state)
  const membership = createMembership(run, { save: async () => undefined }, changes, silentLogger)
  if (changes.length > membership.decided.length)
    throw new CliError(
      'E_FILE',
      `${changes.length - membership.decided.length} changes of the run do not check; ask another member`,
    )
  await createChangeFile(join(state, CHANGES_FILE)).save(run, changes)
  await writeFileAtomic(join(folder, 'manifest.json'), `${JSON.stringify(run.manifest, null, 2)}\n`)
  await writeFileAtomic(
    join(folder, 'node.schema.json'),
    `${JSON.stringify(z.toJSONSchema(nodeConfigSchema, { io: 'input' }), null, 2)}\n`,
  )
  const file = join(folder, 'node.yaml')
  if (existsSync(file)) return
  const bootstrap = [...new Set([...invited, ...addresses])].filter(
    (one) => !one.includes(identity.signer.peerId),
  )
  await writeFileAtomic(
    file,
    nodeTemplate({
      name: options.name ?? basename(folder),
      listen: [...(options.listen ?? ['/ip4/0.0.0.0/tcp/4001'])],
      bootstrap,
      mdns: false,
      manifest: { file: 'manifest.json' },
      networkKey:
        options.networkKey === undefined ? undefined : relative(folder, resolve(options.networkKey)),
      part: 0,
      parts: 1,
    }),
  )
}
