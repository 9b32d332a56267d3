import { connect } from 'node:net'
import { TemperedError } from '@tempered/errors'
import { lockOwner, systemClock } from '@tempered/node'
import { errorMessage } from '@tempered/node/errors'
import { CliError } from '../errors.js'
import { openSocketPath, SOCKET_FILE } from './socket-path.js'
import type { SocketStatus, StatusDocument } from './status-document.js'
import { STATUS_REQUEST } from './status-socket.js'

const ANSWER_MS = 5_000
const MOST_ANSWER_BYTES = 64 * 1024 * 1024

/**
 * The state of the node that runs on a state folder; undefined when none does. Throws E_NO_ANSWER for one that holds the
 * folder but does not answer, E_SOCKET, E_FILE.
 */
export async function askStatus(stateFolder: string): Promise<StatusDocument | undefined> {
  const found = await askProcess(stateFolder)
  return found !== undefined && 'status' in found ? found.status : undefined
}

/** The same of the process that runs on a state folder, which has no node while it waits for a job. */
export const askProcess = (stateFolder: string): Promise<SocketStatus | undefined> =>
  askSocket<SocketStatus>(stateFolder, STATUS_REQUEST)

/**
 * The answer of the node that runs on a state folder to a request; undefined when none does. Throws what the node says is
 * wrong, with its code; E_NO_ANSWER, E_SOCKET, E_FILE.
 */
export async function askSocket<T extends object>(
  stateFolder: string,
  request: string,
): Promise<T | undefined> {
  const owner = await lockOwner(stateFolder)
  if (owner?.isAlive !== true) return undefined
  const { path, release } = await openSocketPath(stateFolder)
  try {
    const answer = JSON.parse(await conversation(path, request)) as T & {
      error?: { code: string; message: string }
    }
    if (answer.error !== undefined) throw new NodeAnswer(answer.error.code, answer.error.message, {})
    return answer
  } catch (error) {
    if (error instanceof NodeAnswer && error.code !== 'E_NOT_RUNNING') throw error
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

/** What a node answers when it cannot do what it was asked for, with the code of its error. */
class NodeAnswer extends TemperedError<string, Readonly<Record<string, unknown>>> {
  override readonly name = 'NodeAnswer'
}

function conversation(path: string, request: string): Promise<string> {
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
    socket.on('connect', () => socket.write(`${request}\n`))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.byteLength
      if (length > MOST_ANSWER_BYTES) end(new Error('the answer is too long'))
    })
    socket.on('end', () => end())
    socket.on('error', end)
  })
}
