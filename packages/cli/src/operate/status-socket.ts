import { chmod, unlink } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { errorCode, errorMessage } from '@tempered/node/errors'
import { CliError } from '../errors.js'
import { openSocketPath } from './socket-path.js'

/**
 * The protocol of the socket: one line with a request, a word and where it has one a JSON document, one line of JSON as the
 * answer, and the end. The answer is what the request asks for, or `{"error": {"code", "message"}}`.
 */
export const STATUS_REQUEST = 'status'
export const CHANGES_REQUEST = 'changes'

/** What each request is answered with; gets the document, or undefined. */
export type SocketAnswers = Readonly<Record<string, (document: unknown) => Promise<unknown>>>

const MOST_REQUEST_BYTES = 1024 * 1024
const MOST_CONNECTIONS = 16
const IDLE_MS = 5_000

export interface StatusSocket {
  close(): Promise<void>
}

/**
 * Answers on the socket of a state folder, whose lock this process must hold: then a socket that is there already is left
 * over from a node that was killed, and is replaced. Only the owner may connect (mode 0600). Throws E_SOCKET and errors of
 * the system.
 */
export async function openStatusSocket(folder: string, answers: SocketAnswers): Promise<StatusSocket> {
  const { path, release } = await openSocketPath(folder)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    converse(socket, answers)
  })
  server.maxConnections = MOST_CONNECTIONS
  try {
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await listenPrivately(server, path)
    await chmod(path, 0o600)
  } catch (error) {
    server.close()
    await release()
    throw error
  }
  server.on('error', () => undefined)
  // It must not keep a node alive that has nothing left to do.
  server.unref()
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      await unlink(path).catch(() => undefined)
      await release()
    },
  }
}

/** Nobody else may connect between the creation of the socket and `chmod` either: the socket is made within this call. */
function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177)
  try {
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
  } finally {
    process.umask(before)
  }
}

function converse(socket: Socket, answers: SocketAnswers): void {
  let request = ''
  let answered = false
  const reply = (value: unknown): void => {
    socket.end(`${JSON.stringify(value)}\n`)
  }
  socket.unref()
  socket.setEncoding('utf8')
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: string) => {
    if (answered) return
    request += chunk
    if (!request.includes('\n') && request.length <= MOST_REQUEST_BYTES) return
    answered = true
    answerTo(request.split('\n')[0]!, answers).then(reply, (error: unknown) =>
      reply({ error: { code: errorCode(error), message: errorMessage(error) } }),
    )
  })
}

async function answerTo(line: string, answers: SocketAnswers): Promise<unknown> {
  const [word = '', ...rest] = line.split(' ')
  const answer = Object.hasOwn(answers, word) ? answers[word] : undefined
  if (answer === undefined)
    throw new CliError('E_USAGE', `the request is not known; ask for ${Object.keys(answers).join(' or ')}`)
  return answer(rest.length === 0 ? undefined : JSON.parse(rest.join(' ')))
}
