import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readIdentityFile } from '@tempered/node'
import { errorMessage } from '@tempered/node/errors'
import { CliError } from '../errors.js'
import { type BackupContents, type BackupFile, CONTENTS_FILE, contentsSchema } from './contents.js'
import { type ReadBytes, readTarHeader, tarPadding } from './tar.js'

const MOST_CONTENTS_BYTES = 32 * 1024 * 1024
const PIECE_BYTES = 1024 * 1024

/**
 * Makes a node folder of a backup: all of it with its hashes checked, or nothing. Throws E_USAGE if there is something in the
 * folder already, E_FILE, E_BACKUP for an archive that is damaged, and E_KEY.
 */
export async function readBackup(source: string, folder: string): Promise<BackupContents> {
  await requireEmpty(folder)
  const file = await open(source, 'r').catch((error: unknown) => {
    throw new CliError('E_FILE', `${source}: ${errorMessage(error)}`, { source }, error)
  })
  const target = resolve(folder)
  const draft = `${target}.${process.pid}.tmp`
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 })
    const read = reader(file)
    const contents = await readContents(read)
    for (const one of contents.files) await unpack(one, read, draft)
    if ((await readTarHeader(read)) !== undefined) throw damaged('it holds more than it lists')
    const { signer } = await readIdentityFile(join(draft, 'identity.key'))
    if (signer.peerId !== contents.peer)
      throw damaged(`its key is that of ${signer.peerId}, not of ${contents.peer}`)
    // Nothing is in it: rename replaces an empty folder.
    await rename(draft, target)
    return contents
  } finally {
    await file.close()
    await rm(draft, { recursive: true, force: true })
  }
}

async function requireEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw new CliError('E_FILE', `${folder}: ${errorMessage(error)}`, { folder }, error)
  })
  if (names.length > 0)
    throw new CliError(
      'E_USAGE',
      `${folder} is not empty; a backup is restored into a new folder only, so that it never replaces a newer state`,
      { folder },
    )
  if ((await stat(dirname(resolve(folder))).catch(() => undefined)) === undefined)
    throw new CliError('E_FILE', `${dirname(resolve(folder))}: there is no such folder; create it first`, {
      folder,
    })
}

function reader(file: FileHandle): ReadBytes {
  return async (length) => {
    const bytes = Buffer.alloc(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }
}

async function readContents(read: ReadBytes): Promise<BackupContents> {
  const header = await readTarHeader(read)
  if (header?.path !== CONTENTS_FILE || header.size > MOST_CONTENTS_BYTES)
    throw damaged(`it begins without ${CONTENTS_FILE}`)
  const bytes = await read(header.size)
  await read(tarPadding(header.size).byteLength)
  try {
    return contentsSchema.parse(JSON.parse(bytes.toString()))
  } catch (error) {
    throw damaged(`${CONTENTS_FILE} cannot be read, or was written by a later version`, error)
  }
}

/** Writes the next file of the archive, which must be this one, below `folder`. */
async function unpack({ path, size, sha256 }: BackupFile, read: ReadBytes, folder: string): Promise<void> {
  const header = await readTarHeader(read)
  if (header?.path !== path || header.size !== size) throw damaged(`${path} is missing`)
  const target = join(folder, path)
  await mkdir(dirname(target), { recursive: true, mode: 0o700 })
  const file = await open(target, 'wx', 0o600)
  const hash = createHash('sha256')
  try {
    for (let left = size; left > 0; ) {
      const piece = await read(Math.min(left, PIECE_BYTES))
      if (piece.byteLength === 0) throw damaged(`it ends inside ${path}`)
      hash.update(piece)
      await file.write(piece)
      left -= piece.byteLength
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await read(tarPadding(size).byteLength)
  if (hash.digest('hex') !== sha256) throw damaged(`${path} does not match its hash`)
}

function damaged(what: string, cause?: unknown): CliError {
  return new CliError('E_BACKUP', `the backup is damaged: ${what}; take another copy`, {}, cause)
}
