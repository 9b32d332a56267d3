import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../../test-support/python.js'
import { imageTask } from '../../../src/task/image-task.js'
import {
  createProcessTrainer,
  type ProcessTrainerInit,
} from '../../../src/trainer/process/process-trainer.js'

const SCRIPT = fileURLToPath(new URL('../../support/echo-trainer.py', import.meta.url))
const hasPython = pythonWith() !== undefined

const task = imageTask('softmax', { shape: [1, 1, 1], classes: 2 })
const request = { round: 2, steps: 3, batchSize: 4, learningRate: 0.5, momentum: 0 }
const START = Float32Array.of(1, 2, 3, 4)

let folder: string
let log: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-trainer-'))
  log = []
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const open = (mode = '', more: Partial<ProcessTrainerInit> = {}) =>
  createProcessTrainer({
    command: ['python3', SCRIPT, mode, join(folder, 'flag')],
    cwd: folder,
    task,
    nodeId: 0,
    seed: 1,
    onLog: (line) => log.push(line),
    ...more,
  })

/** Whether a process has ended; one that nobody waits for is a zombie. */
function isGone(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}

describe.runIf(hasPython)('a trainer in Python', () => {
  it('trains, evaluates and judges models', async () => {
    const usage: string[] = []
    const trainer = await open('', {
      onUsage: ({ what, peakMemoryBytes }) => usage.push(`${what} ${(peakMemoryBytes ?? 1) > 0}`),
    })
    try {
      expect(trainer.data).toEqual({ samples: 7, testSamples: 3, description: 'echo' })
      trainer.setParameters(START)
      const { loss, samples } = await trainer.train(request)
      expect(samples).toBe(12)
      expect(loss).toBeGreaterThan(0)
      expect(trainer.getParameters(new Float32Array(4))).toEqual(START.map((value) => value - 1.5))
      expect(await trainer.evaluate({ limit: 2 })).toMatchObject({ loss: 4, primary: 0.5, samples: 2 })
      expect(await trainer.losses([START, Float32Array.of(0, 0, 0, 1)], 2, 256)).toEqual([10, 1])
      expect(usage).toEqual(['train true', 'evaluate true', 'losses true'])
      expect(log).toContain('this goes into the log')
    } finally {
      await trainer.close()
    }
    await expect(trainer.train(request)).rejects.toMatchObject({ code: 'E_TRAINER_DISPOSED' })
  })

  it.each(['crash', 'hang', 'garbage'])(
    'repeats the round with the same numbers after a %s',
    async (mode) => {
      const plain = await open()
      plain.setParameters(START)
      const expected = await plain.train(request)
      await plain.close()
      // Long enough for the start of Python on a busy machine; a hang is then waited for as long.
      const restarts: string[] = []
      const trainer = await open(mode, {
        deadlines: { trainMs: mode === 'hang' ? 3_000 : 600_000 },
        onTrouble: (what) => restarts.push(what),
      })
      try {
        trainer.setParameters(START)
        expect(await trainer.train(request)).toEqual(expected)
        expect(trainer.getParameters(new Float32Array(4))).toEqual(START.map((value) => value - 1.5))
        expect(restarts).toEqual([expect.stringContaining('starting it again (1 of 2)')])
      } finally {
        await trainer.close()
      }
    },
  )

  it('says that a start takes long, and goes on waiting', async () => {
    const troubles: string[] = []
    const trainer = await open('', { slowStartMs: 1, onTrouble: (what) => troubles.push(what) })
    await trainer.close()
    expect(troubles).toEqual([
      expect.stringContaining("has not answered 'hello' for 0 s; it may take 300 s (deadlines.helloMs)"),
    ])
  })

  it('gives up after three crashes, with the parameters as they were', async () => {
    const trainer = await open('always-crash')
    trainer.setParameters(START)
    await expect(trainer.train(request)).rejects.toMatchObject({
      code: 'E_TRAINER_CRASHED',
      message: expect.stringContaining('exit code 3'),
    })
    expect(trainer.getParameters(new Float32Array(4))).toEqual(START)
    await trainer.close()
  })

  it('ends at once when it is closed at work or while it starts', async () => {
    const trainer = await open('hang')
    const training = trainer.train(request).catch((error) => error)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const begun = performance.now()
    await trainer.close()
    expect(await training).toMatchObject({ code: 'E_TRAINER_DISPOSED' })
    expect(log.filter((line) => line.includes('starting it again'))).toEqual([])
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 200)
    await expect(open('slow-start', { signal: stop.signal })).rejects.toMatchObject({
      code: 'E_TRAIN_ABORTED',
    })
    // Far less than the 60 s that it would sleep each time, or the 5 s that an idle one gets.
    expect(performance.now() - begun).toBeLessThan(4_000)
  })

  it('takes with it what it has started', async () => {
    const pids: string[] = []
    const trainer = await open('child', {
      onProcess: (pid, isRunning) => pids.push(`${isRunning}: ${typeof pid}`),
    })
    const child = Number(log.find((line) => line.startsWith('child '))?.slice(6))
    expect(child).toBeGreaterThan(0)
    process.kill(child, 0)
    await trainer.close()
    await expect.poll(() => isGone(child)).toBe(true)
    expect(pids).toEqual(['true: number', 'false: number'])
  })

  it("passes on the process's own error and goes on", async () => {
    const trainer = await open('fail')
    trainer.setParameters(START)
    await expect(trainer.train(request)).rejects.toMatchObject({
      code: 'E_TRAINER_FAILED',
      message: expect.stringContaining('RuntimeError: out of ideas'),
    })
    expect((await trainer.evaluate()).loss).toBe(10)
    await trainer.close()
  })

  it('reports a loss that is not a number as NaN', async () => {
    const trainer = await open('nan')
    expect((await trainer.train(request)).loss).toBeNaN()
    await trainer.close()
  })

  it.each([
    ['short', 3],
    ['long', 5],
  ])('refuses parameters of the wrong number without another attempt: %s', async (mode, count) => {
    const trainer = await open(mode)
    await expect(trainer.train(request)).rejects.toMatchObject({
      code: 'E_TRAINER_LAYOUT',
      message: expect.stringContaining(`returned ${count} parameters, but the run's model has 4`),
    })
    expect(log.join('\n')).not.toContain('starting it again')
    await trainer.close()
  })

  it.each([
    [
      'other-layout',
      'E_TRAINER_LAYOUT',
      "tensor 0 of the trainer is other [2, 2], but the run's task has 0.kernel [2, 1]",
    ],
    [
      'other-count',
      'E_TRAINER_LAYOUT',
      "tensor 0 of the trainer is (all parameters) [5], but the run's task has 0.kernel [2, 1]",
    ],
    ['refuse', 'E_TRAINER_FAILED', 'ValueError: no data here'],
  ])('does not start with %s', async (mode, code, message) => {
    await expect(open(mode)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it('refuses tensors that are no whole number of floats', async () => {
    const trainer = await open('odd', { attempts: 1 })
    await expect(trainer.train(request)).rejects.toMatchObject({
      code: 'E_TRAINER_PROTOCOL',
      message: expect.stringContaining('7 bytes of tensors, which is no whole number of float32'),
    })
    await trainer.close()
  })

  it('does not wait for ever for a process that does not answer', async () => {
    await expect(open('slow-start', { attempts: 1, deadlines: { helloMs: 50 } })).rejects.toMatchObject({
      code: 'E_TRAINER_DEADLINE',
    })
  })

  it('stops a round on request and leaves the parameters alone', async () => {
    const trainer = await open('hang')
    trainer.setParameters(START)
    const stop = new AbortController()
    const training = trainer.train(request, stop.signal)
    stop.abort()
    await expect(training).rejects.toMatchObject({ code: 'E_TRAIN_ABORTED' })
    expect(trainer.getParameters(new Float32Array(4))).toEqual(START)
    await trainer.close()
  })
})

describe('a trainer process', () => {
  it('that does not exist is named', async () => {
    await expect(open('', { command: ['no-such-program'] })).rejects.toMatchObject({
      code: 'E_TRAINER_START',
      message: expect.stringContaining('there is no such program'),
    })
  })

  it('that is no trainer is found out', async () => {
    const command = [process.execPath, '-e', 'console.log("hello, I am not a trainer at all")']
    await expect(open('', { command, attempts: 1 })).rejects.toMatchObject({ code: 'E_TRAINER_PROTOCOL' })
    const echo = [process.execPath, '-e', 'process.stdin.pipe(process.stdout)']
    await expect(open('', { command: echo, attempts: 1 })).rejects.toMatchObject({
      code: 'E_TRAINER_PROTOCOL',
      message: expect.stringMatching(/field samples: is missing; does this program speak the protocol/),
    })
  })
})
