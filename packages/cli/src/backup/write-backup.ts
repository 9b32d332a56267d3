import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { temperedVersion } from '@tempered/lab/versions'
import { lockState, readIdentityFile, systemClock } from '@tempered/node'
import { errorMessage } from '@tempered/node/errors'
import { parseDocument } from 'yaml'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { nextKeyPath } from '../membership/next-key.js'
import { SOCKET_FILE } from '../operate/socket-path.js'
import { readStopped } from '../operate/stopped-node.js'
import { type BackupContents, type BackupFile, CONTENTS_FILE, contentsSchema } from './contents.js'
import { tarEnd, tarHeader, tarPadding } from './tar.js'

/** A file of a backup: where it belongs, and where its bytes are now. */
type Source = { readonly path: string } & ({ readonly from: string } | { readonly bytes: Buffer })

/**
 * Writes key, configuration, manifest and state of a node that does not run into one new file, mode 0600. The state is locked
 * meanwhile. Throws E_STATE_IN_USE, E_KEY, E_FILE, E_USAGE if the file is there, E_BACKUP.
 */
export async function writeBackup(config: NodeConfig, target: string): Promise<BackupContents> {
  const { signer } = await readIdentityFile(config.key)
  const hasState = (await stat(config.state).catch(() => undefined)) !== undefined
  const unlock = hasState ? await lockState(config.state) : async () => undefined
  try {
    const sources = await sourcesOf(config, hasState)
    const { ledger, trouble } = await readStopped(config)
    if (trouble !== null)
      throw new CliError(
        'E_BACKUP',
        `the ledger cannot be read, and a backup of it would be of no use: ${trouble.message}`,
      )
    const files: BackupFile[] = []
    for (const source of sources) files.push(await describe(source))
    const contents = contentsSchema.parse({
      format: 'tempered-backup',
      version: 1,
      madeAt: new Date(systemClock.wallMs()).toISOString(),
      madeBy: temperedVersion(),
      peer: signer.peerId,
      run: ledger?.run ?? null,
      entries: ledger?.entries ?? 0,
      lastRound: ledger?.lastRound?.round ?? null,
      files,
    } satisfies BackupContents)
    await writeArchive(target, contents, sources)
    return contents
  } finally {
    await unlock()
  }
}

async function sourcesOf(config: NodeConfig, hasState: boolean): Promise<Source[]> {
  const { manifest, settlement } = config
  const document = parseDocument(await readFile(config.file, 'utf8'))
  document.set('key', 'identity.key')
  document.set('state', 'state')
  const sources: Source[] = [{ path: 'identity.key', from: config.key }]
  // The key that is to take its place.
  const next = nextKeyPath(config.key)
  if (await stat(next).catch(() => undefined)) sources.push({ path: 'identity.next.key', from: next })
  if (manifest !== undefined && 'file' in manifest && (await stat(manifest.file).catch(() => undefined))) {
    document.setIn(['manifest', 'file'], 'manifest.json')
    sources.push({ path: 'manifest.json', from: manifest.file })
  }
  if (config.network.key !== undefined) {
    document.setIn(['network', 'key'], 'swarm.key')
    sources.push({ path: 'swarm.key', from: config.network.key })
  }
  if (settlement !== undefined) {
    document.setIn(['settlement', 'key'], 'account.key')
    sources.push({ path: 'account.key', from: settlement.key })
  }
  if (hasState) sources.push(...(await stateSources(config.state)))
  return [{ path: 'node.yaml', bytes: Buffer.from(document.toString({ lineWidth: 0 })) }, ...sources]
}

/** Files of a state folder, which is two levels deep; not its lock and its socket, nor half-written files. */
async function stateSources(state: string): Promise<Source[]> {
  const sources: Source[] = []
  for (const entry of await readdir(state, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name === SOCKET_FILE || /^lock(\.|$)|\.tmp$/.test(entry.name)) continue
    const from = join(entry.parentPath, entry.name)
    sources.push({ path: `state${from.slice(state.length).replaceAll('\\', '/')}`, from })
  }
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function describe(source: Source): Promise<BackupFile> {
  const hash = createHash('sha256')
  let size = 0
  for await (const piece of piecesOf(source)) {
    hash.update(piece)
    size += piece.byteLength
  }
  return { path: source.path, size, sha256: hash.digest('hex') }
}

async function* piecesOf(source: Source): AsyncGenerator<Uint8Array> {
  if ('bytes' in source) yield source.bytes
  else yield* createReadStream(source.from) as AsyncIterable<Buffer>
}

async function* archive(contents: BackupContents, sources: readonly Source[]): AsyncGenerator<Uint8Array> {
  const seconds = Math.floor(Date.parse(contents.madeAt) / 1000)
  const index = Buffer.from(`${JSON.stringify(contents, null, 1)}\n`)
  yield tarHeader({ path: CONTENTS_FILE, size: index.byteLength }, seconds)
  yield index
  yield tarPadding(index.byteLength)
  for (const [k, source] of sources.entries()) {
    const file = contents.files[k]!
    yield tarHeader(file, seconds)
    yield* piecesOf(source)
    yield tarPadding(file.size)
  }
  yield tarEnd()
}

/** Completely or not at all, and never over another file. */
async function writeArchive(
  target: string,
  contents: BackupContents,
  sources: readonly Source[],
): Promise<void> {
  const draft = `${target}.${process.pid}.tmp`
  try {
    const file = await open(draft, 'wx', 0o600)
    await pipeline(Readable.from(archive(contents, sources)), file.createWriteStream({ flush: true }))
    await link(draft, target)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new CliError('E_USAGE', `${target} already exists; choose another name`, { target }, error)
    if (error instanceof CliError) throw error
    throw new CliError('E_FILE', `${target}: ${errorMessage(error)}`, { target }, error)
  } finally {
    await unlink(draft).catch(() => undefined)
  }
}
