import { randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { errorMessage, writeNewFile } from '@tempered/node'
import { CliError } from '../errors.js'

/** The private key of an account: 32 bytes in hexadecimal, in a file that only its owner may read. */
export type AccountKey = `0x${string}`

const OPEN_TO_OTHERS = 0o077

/** Throws CliError E_KEY when the file is missing, readable by others or not a key. */
export async function readAccountFile(path: string): Promise<AccountKey> {
  const wrong = (what: string, cause?: unknown): CliError =>
    new CliError('E_KEY', `account key ${path}: ${what}`, { path }, cause)
  let text: string
  try {
    const info = await stat(path)
    if (info.isDirectory()) throw wrong('is a folder, not a key file')
    const { mode } = info
    if ((mode & OPEN_TO_OTHERS) !== 0)
      throw wrong(`other users can read it (mode ${(mode & 0o777).toString(8)}); run chmod 600 ${path}`)
    text = (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (error instanceof CliError) throw error
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw wrong(
      isMissing ? 'no such file; create one with `tempered settlement account`' : errorMessage(error),
      error,
    )
  }
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text))
    throw wrong('must contain one private key, 64 hexadecimal digits, and nothing else')
  return `0x${text.replace(/^0x/, '').toLowerCase()}`
}

/** Writes a key, a new one unless it is given, mode 0600. Throws CliError E_KEY if the file exists. */
export async function createAccountFile(path: string, given?: AccountKey): Promise<AccountKey> {
  const key: AccountKey = given ?? `0x${randomBytes(32).toString('hex')}`
  const written = await writeNewFile(path, [Buffer.from(`${key}\n`)], 0o600)
  if (!written)
    throw new CliError('E_KEY', `account key ${path}: already exists; keys are never overwritten`, { path })
  return key
}
