import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { lockState } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { CliError } from '../../../src/errors.js'
import { askStatus } from '../../../src/operate/ask-status.js'
import { SOCKET_FILE } from '../../../src/operate/socket-path.js'
import { openStatusSocket } from '../../../src/operate/status-socket.js'
import { inTemporaryFolder } from '../../support/run-cli.js'

/** Another process holds the folder, as far as its lock says. */
const lockForParent = (folder: string): Promise<void> => writeFile(join(folder, 'lock'), `${process.ppid}\n`)

async function talk(path: string, request: string): Promise<string> {
  const socket = connect(path)
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  socket.write(request)
  await once(socket, 'close')
  return answer
}

describe('the socket of a node', () => {
  it('answers its owner, and is gone when it is closed', () =>
    inTemporaryFolder(async (folder) => {
      const release = await lockState(folder)
      const socket = await openStatusSocket(folder, { status: async () => ({ status: { round: 3 } }) })
      expect((await stat(join(folder, SOCKET_FILE))).mode & 0o777).toBe(0o600)
      expect(await askStatus(folder)).toEqual({ round: 3 })
      await socket.close()
      await release()
      expect(await readdir(folder)).toEqual([])
      expect(await askStatus(folder)).toBeUndefined()
    }))

  it('refuses what it does not know, at once when it is too long', () =>
    inTemporaryFolder(async (folder) => {
      const socket = await openStatusSocket(folder, { status: async () => ({}) })
      const path = join(folder, SOCKET_FILE)
      for (const request of ['stop\n', 'x'.repeat(1_048_577)])
        expect(JSON.parse(await talk(path, request))).toMatchObject({ error: { code: 'E_USAGE' } })
      await socket.close()
    }))

  it('is closed at once, though somebody is connected and says nothing', () =>
    inTemporaryFolder(async (folder) => {
      const socket = await openStatusSocket(folder, { status: async () => ({}) })
      const idle = connect(join(folder, SOCKET_FILE))
      await once(idle, 'connect')
      const gone = once(idle, 'close')
      await socket.close()
      await gone
    }))

  it('passes an error on', () =>
    inTemporaryFolder(async (folder) => {
      await lockForParent(folder)
      const socket = await openStatusSocket(folder, {
        async status() {
          throw new CliError('E_NOT_RUNNING', 'no idea')
        },
      })
      await expect(askStatus(folder)).rejects.toMatchObject({
        code: 'E_NO_ANSWER',
        message: expect.stringContaining('no idea'),
      })
      await socket.close()
    }))

  it('takes the place of one that a killed node left', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, SOCKET_FILE)
      const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
      spawnSync(process.execPath, ['-e', script])
      expect(await readdir(folder)).toEqual([SOCKET_FILE])
      await lockForParent(folder)
      await expect(askStatus(folder)).rejects.toMatchObject({ code: 'E_NO_ANSWER' })
      const socket = await openStatusSocket(folder, { status: async () => ({ status: 'here' }) })
      expect(await askStatus(folder)).toBe('here')
      await socket.close()
    }))

  it.runIf(process.platform === 'linux')(
    'can be in a folder whose path is longer than a socket may have',
    () =>
      inTemporaryFolder(async (parent) => {
        const folder = join(parent, 'long'.repeat(40))
        await mkdir(folder)
        await lockForParent(folder)
        const socket = await openStatusSocket(folder, { status: async () => ({ status: 'far away' }) })
        expect((await stat(join(folder, SOCKET_FILE))).mode & 0o777).toBe(0o600)
        expect(await askStatus(folder)).toBe('far away')
        await socket.close()
        expect(await readdir(folder)).toEqual(['lock'])
      }),
  )
})
