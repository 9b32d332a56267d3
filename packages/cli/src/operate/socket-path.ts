import { type FileHandle, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CliError } from '../errors.js'

/** The socket on which a running node answers `tempered status`, in its state folder. */
export const SOCKET_FILE = 'node.sock'

/** Bytes of a socket's path, less the zero byte at its end: 108 on Linux, 104 on macOS and the BSDs. */
const MOST_PATH_BYTES = process.platform === 'linux' ? 107 : 103

export interface SocketPath {
  /** What to listen on or connect to. */
  readonly path: string
  /** To be called once the socket is closed. */
  release(): Promise<void>
}

/**
 * A path of the socket in a state folder that is short enough for the system. On Linux a folder with a longer path is
 * opened, and reached through `/proc/self/fd`. Throws E_SOCKET where there is no way, E_FILE for a folder that is missing.
 */
export async function openSocketPath(folder: string): Promise<SocketPath> {
  const path = join(resolve(folder), SOCKET_FILE)
  if (process.platform === 'win32')
    throw new CliError('E_SOCKET', 'this system has no sockets in folders; use /readyz and /metrics instead')
  if (Buffer.byteLength(path) <= MOST_PATH_BYTES) return { path, release: async () => undefined }
  if (process.platform !== 'linux')
    throw new CliError(
      'E_SOCKET',
      `${path} is ${Buffer.byteLength(path)} bytes long, and a socket's path may have ${MOST_PATH_BYTES}; choose a shorter \`state\``,
      { path },
    )
  let handle: FileHandle
  try {
    handle = await open(resolve(folder), 'r')
  } catch (error) {
    throw new CliError('E_FILE', `${folder}: ${(error as Error).message}`, { folder }, error)
  }
  return { path: `/proc/self/fd/${handle.fd}/${SOCKET_FILE}`, release: () => handle.close() }
}
