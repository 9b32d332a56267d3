import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What a start is constrained by, as `ulimit` says it, and where it is to be killed. */
export interface StartConditions {
  readonly descriptors?: number
  /** The largest file that it may write, in bytes. */
  readonly fileBytes?: number
  readonly failpoint?: string
}

/** A node of a soak: one process of `tempered node start` at a time on one folder. */
export interface SoakNode {
  readonly name: string
  readonly folder: string
  readonly isRunning: boolean
  readonly pid: number | undefined
  /** Starts of the process so far. */
  readonly starts: number
  /** Port of its /metrics on 127.0.0.1. */
  readonly metricsPort: number
  start(conditions?: StartConditions): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Resolves when the process has ended, by itself or not, with how it did: `exit code 7`, `SIGKILL`. */
  ended(): Promise<string>
  /** The last line of its log. */
  lastWords(): Promise<string>
}

/** The command as it was built, also where this file is not: tests run the sources. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** Of the shell's `ulimit -f`. */
const BLOCK_BYTES = 512

/** Its log goes to `<folder>.log`, a line per start in front. */
export function createSoakNode(name: string, folder: string, metricsPort: number): SoakNode {
  let child: ChildProcess | undefined
  let exit: Promise<string> = Promise.resolve('never started')
  let starts = 0
  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  return {
    name,
    folder,
    metricsPort,
    get isRunning() {
      return isRunning()
    },
    get pid() {
      return isRunning() ? child?.pid : undefined
    },
    get starts() {
      return starts
    },
    async start({ descriptors, fileBytes, failpoint } = {}) {
      if (isRunning()) throw new Error(`${name} is still running`)
      const limits = [
        ...(descriptors === undefined ? [] : [`ulimit -n ${descriptors}`]),
        ...(fileBytes === undefined ? [] : [`ulimit -f ${Math.ceil(fileBytes / BLOCK_BYTES)}`]),
      ]
      const log = await open(`${folder}.log`, 'a')
      try {
        await log.write(`${JSON.stringify({ start: starts, descriptors, fileBytes, failpoint })}\n`)
        const arguments_ = [
          MAIN,
          'node',
          'start',
          '--config',
          folder,
          '--metrics',
          `127.0.0.1:${metricsPort}`,
        ]
        const started = spawn(
          '/bin/sh',
          ['-c', [...limits, 'exec "$@"'].join(' && '), 'sh', process.execPath, ...arguments_],
          {
            env: { ...process.env, ...(failpoint === undefined ? {} : { TEMPERED_FAILPOINT: failpoint }) },
            stdio: ['ignore', 'ignore', log.fd],
          },
        )
        starts += 1
        child = started
        exit = endOf(started)
        // Rejects when there is no process to be had.
        await once(started, 'spawn')
      } finally {
        await log.close()
      }
    },
    signal(signal) {
      if (isRunning()) child?.kill(signal)
    },
    ended: () => exit,
    async lastWords() {
      const log = await readFile(`${folder}.log`, 'utf8').catch(() => '')
      return log.trimEnd().split('\n').at(-1)!.slice(0, MOST_WORDS)
    },
  }
}

const MOST_WORDS = 400

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    child.once('error', (error) => resolve(error.message))
  })
}

export interface ProcessUse {
  /** Resident memory in bytes. */
  readonly memory: number
  /** Open file descriptors. */
  readonly descriptors: number
}

/** What a process holds, from /proc; undefined where there is none. */
export async function processUse(pid: number): Promise<ProcessUse | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    if (kilobytes === undefined) return undefined
    return { memory: Number(kilobytes) * 1024, descriptors: (await readdir(`/proc/${pid}/fd`)).length }
  } catch {
    return undefined
  }
}
