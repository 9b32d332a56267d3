import { connect } from 'node:net'
import { lockOwner, systemClock } from '@tempered/node'
import { errorMessage } from '@tempered/node/errors'
import { CliError } from '../errors.js'
import { openSocketPath, SOCKET_FILE } from './socket-path.js'
import type { StatusDocument } from './status-document.js'
import { STATUS_REQUEST } from './status-socket.js'

const ANSWER_MS = 5_000
const MOST_ANSWER_BYTES = 64 * 1024 * 1024

/**
 * The state of the node that runs on a state folder; undefined when none does. Throws E_NO_ANSWER for one that holds the
 * folder but does not answer, E_SOCKET, E_FILE.
 */
export async function askStatus(stateFolder: string): Promise<StatusDocument | undefined> {
  const owner = await lockOwner(stateFolder)
  if (owner?.isAlive !== true) return undefined
  const { path, release } = await openSocketPath(stateFolder)
  try {
    const { status, error } = JSON.parse(await conversation(path)) as {
      status?: StatusDocument
      error?: { code: string; message: string }
    }
    if (status === undefined) throw new Error(error?.message ?? 'the answer is empty')
    return status
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'EACCES'
        ? `its socket ${SOCKET_FILE} belongs to another user; ask as that user`
        : code === 'ENOENT' || code === 'ECONNREFUSED'
          ? 'it is just starting or stopping, or its log says why it has no socket'
          : errorMessage(error)
    throw new CliError(
      'E_NO_ANSWER',
      `process ${owner.pid} runs on ${stateFolder}, but does not answer: ${why}`,
      { pid: owner.pid },
      error,
    )
  } finally {
    await release()
  }
}

function conversation(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const limit = systemClock.deadline(ANSWER_MS)
    const chunks: Buffer[] = []
    let length = 0
    const end = (error?: Error): void => {
      limit.clear()
      socket.destroy()
      if (error === undefined) resolve(Buffer.concat(chunks).toString())
      else reject(error)
    }
    limit.signal.addEventListener('abort', () => end(new Error(`no answer within ${ANSWER_MS / 1000} s`)), {
      once: true,
    })
    socket.on('connect', () => socket.write(`${STATUS_REQUEST}\n`))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.byteLength
      if (length > MOST_ANSWER_BYTES) end(new Error('the answer is too long'))
    })
    socket.on('end', () => end())
    socket.on('error', end)
  })
}
