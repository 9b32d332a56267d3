import { readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { parseText } from '@tempered/lab/documents'
import { createIdentityFile, writeFileAtomic } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { z } from 'zod'
import { allOrNothing } from '../all-or-nothing.js'
import { nodeConfigSchema } from '../config/node-config.js'
import { nodeTemplate } from '../config/node-template.js'
import { CliError } from '../errors.js'

export interface NodeInitOptions {
  readonly name?: string
  readonly listen?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly manifest?: string
  readonly manifestPeer?: string
  /** `i/n`. */
  readonly part: string
  readonly mdns?: boolean
}

/** `tempered node init`: a new folder with identity.key, node.yaml and node.schema.json; nothing is overwritten. */
export async function nodeInit(folder: string, options: NodeInitOptions): Promise<void> {
  const { part, parts } = parsePart(options.part)
  if (options.manifest !== undefined && options.manifestPeer !== undefined) {
    throw new CliError('E_USAGE', 'give --manifest or --manifest-peer, not both')
  }
  await requireFree(folder)
  if (options.manifest !== undefined) {
    const info = await stat(options.manifest).catch(() => undefined)
    // The file may be made later.
    if (info?.isDirectory())
      throw new CliError('E_USAGE', `--manifest ${options.manifest}: this is a folder; name a manifest file`)
  }
  const bootstrap = [...(options.bootstrap ?? [])]
  const manifestFile =
    options.manifest === undefined ? '../manifest.json' : relative(resolve(folder), resolve(options.manifest))
  const text = nodeTemplate({
    name: options.name ?? basename(resolve(folder)),
    listen: [...(options.listen ?? ['/ip4/0.0.0.0/tcp/4001'])],
    bootstrap:
      options.manifestPeer === undefined || bootstrap.length > 0 ? bootstrap : [options.manifestPeer],
    mdns: options.mdns === true,
    manifest: options.manifestPeer === undefined ? { file: manifestFile } : { peer: options.manifestPeer },
    part,
    parts,
  })
  parseText('node init', text, nodeConfigSchema)
  const identity = await allOrNothing(async (made) => {
    made(await makeFolder(folder))
    const key = join(folder, 'identity.key')
    const created = await createIdentityFile(key)
    made(key)
    const schema = z.toJSONSchema(nodeConfigSchema, { io: 'input' })
    for (const [name, content] of [
      ['node.schema.json', `${JSON.stringify(schema, null, 2)}\n`],
      ['node.yaml', text],
    ] as const) {
      await writeFileAtomic(join(folder, name), content)
      made(join(folder, name))
    }
    return created
  })
  process.stdout.write(`${identity.signer.peerId}\n`)
  process.stderr.write(
    `created ${folder}/identity.key (keep it secret) and ${folder}/node.yaml\n` +
      `next: ./tempered manifest create --member ${folder} --member … --out ${join(folder, manifestFile)}   then: ./tempered node start --config ${folder}/node.yaml\n`,
  )
}

async function requireFree(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw new CliError('E_FILE', `${folder}: ${errorMessage(error)}`, { folder }, error)
  })
  if (names.includes('node.yaml'))
    throw new CliError('E_USAGE', `${join(folder, 'node.yaml')} already exists; choose another folder`)
}

function parsePart(text: string): { part: number; parts: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text)
  const part = Number(match?.[1])
  const parts = Number(match?.[2])
  if (match === null || parts < 1 || part >= parts) {
    throw new CliError('E_USAGE', `--part must be i/n with i from 0 to n − 1, e.g. 0/2; got "${text}"`)
  }
  return { part, parts }
}
