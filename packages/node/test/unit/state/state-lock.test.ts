import { spawn, spawnSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { lockOwner, lockState } from '../../../src/state/state-lock.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

/** Pid of a process that has just ended. */
function endedPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

describe('the state lock', () => {
  it('names its owner, leaves nothing else behind and is gone after release', async () => {
    const folder = await temporaryFolder()
    const release = await lockState(folder)
    expect(await readFile(join(folder, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}( \\d+)?\n$`))
    expect(await readdir(folder)).toEqual(['lock'])
    await release()
    expect(await readdir(folder)).toEqual([])
  })

  it('is refused to a second node of this process, under any path, until it is released', async () => {
    const folder = await temporaryFolder()
    const release = await lockState(folder)
    await expect(lockState(folder)).rejects.toMatchObject({ name: 'NodeError', code: 'E_STATE_IN_USE' })
    await expect(lockState(`${folder}/../${folder.split('/').at(-1)}/`)).rejects.toMatchObject({
      code: 'E_STATE_IN_USE',
    })
    await release()
    await (await lockState(folder))()
  })

  it('is refused while another process lives that holds it, and its file stays', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'lock'), `${process.ppid}\n`)
    await expect(lockState(folder)).rejects.toMatchObject({
      code: 'E_STATE_IN_USE',
      message: expect.stringContaining(String(process.ppid)),
    })
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(`${process.ppid}\n`)
    expect(await readdir(folder)).toEqual(['lock'])
  })

  it.each<[string, () => string]>([
    ['an owner that is gone', () => `${endedPid()}\n`],
    ['our own pid from before a restart of the container', () => `${process.pid}\n`],
    ['a process whose pid was given to another since', () => `${process.ppid} 1\n`],
    ['garbage', () => 'not a pid'],
    ['nothing', () => ''],
  ])('is taken over from %s', async (_what, content) => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'lock'), content())
    const release = await lockState(folder)
    expect(await readFile(join(folder, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}( \\d+)?\n$`))
    await release()
  })

  it.runIf(process.platform === 'linux')(
    'is taken over from a process that has ended, but is still listed because nobody asked how',
    async () => {
      // The shell becomes a program that never asks about the child that it has started before.
      const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 600'])
      try {
        const pid = await new Promise<string>((resolve) =>
          parent.stdout.once('data', (data) => resolve(String(data).trim())),
        )
        while (!(await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z ')) await setImmediate()
        const folder = await temporaryFolder()
        await writeFile(join(folder, 'lock'), `${pid}\n`)
        expect(await lockOwner(folder)).toEqual({ pid: Number(pid), isAlive: false })
        await (await lockState(folder))()
        expect(await lockOwner(folder)).toBeUndefined()
      } finally {
        parent.kill('SIGKILL')
      }
    },
  )

  it('names the owner to those who only look', async () => {
    const folder = await temporaryFolder()
    const release = await lockState(folder)
    expect(await lockOwner(folder)).toEqual({ pid: process.pid, isAlive: true })
    await release()
    expect(await lockOwner(folder)).toBeUndefined()
  })

  it('is not lost by a release that is called twice', async () => {
    const folder = await temporaryFolder()
    const first = await lockState(folder)
    await first()
    const second = await lockState(folder)
    await first()
    expect(await readdir(folder)).toEqual(['lock'])
    await expect(lockState(folder)).rejects.toMatchObject({ code: 'E_STATE_IN_USE' })
    await second()
  })

  it('goes to one of many that ask at the same time', async () => {
    const folder = await temporaryFolder()
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockState(folder)))
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    await winners[0].value()
  })

  it('says E_IO for a folder that is not there, and leaves it free', async () => {
    const folder = join(await temporaryFolder(), 'missing')
    await expect(lockState(folder)).rejects.toMatchObject({ code: 'E_IO' })
    await expect(lockState(folder)).rejects.toMatchObject({ code: 'E_IO' })
  })
})
