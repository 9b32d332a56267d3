/** One trainer process: started without a shell, asked one thing at a time, each with a deadline. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { TrainError } from '../train-error.js'
import { encodeFrameHead, type Frame, FrameReader } from './frames.js'
import { parseReply, type TrainerReplies, type TrainerRequest } from './messages.js'
import { killGroup, OWN_GROUP, trackGroup } from './process-group.js'

export interface TrainerChildInit {
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Folder in which it runs. */
  readonly cwd: string
  readonly maxTensorBytes: number
  /** A line of its standard error. */
  onLog(line: string): void
  /** A process was started, or has ended. */
  onProcess?(pid: number, isRunning: boolean): void
}

interface Pending {
  resolve(frame: Frame): void
  reject(error: TrainError): void
}

/** Longest line of standard error that is passed on, in characters. */
const MAX_LOG_LINE = 2_000
/** The same within an error. */
const MAX_QUOTED_LINE = 300
/** How long a process may take to end after it was asked to, ms. */
const EXIT_MS = 5_000

export class TrainerChild {
  private readonly child: ChildProcess
  private readonly reader: FrameReader
  private readonly exited: Promise<void>
  private pending: Pending | undefined
  private failure: TrainError | undefined
  private lastLine = ''

  constructor({ command, cwd, maxTensorBytes, onLog, onProcess }: TrainerChildInit) {
    const [program, ...args] = command
    if (program === undefined)
      throw new TrainError('E_TRAINER_START', 'trainer.command is empty; name a program')
    this.reader = new FrameReader(maxTensorBytes)
    // In a group of its own: Ctrl-C ends it through its node, and processes that it has started end with it.
    this.child = spawn(program, args, {
      cwd,
      shell: false,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: OWN_GROUP,
    })
    const { stdin, stdout, stderr, pid } = this.child
    if (pid !== undefined) {
      const forget = trackGroup(pid)
      onProcess?.(pid, true)
      this.child.once('exit', () => {
        killGroup(pid)
        forget()
        onProcess?.(pid, false)
      })
    }
    this.exited = new Promise((resolve) => {
      this.child.once('error', (cause: NodeJS.ErrnoException) => {
        const what =
          cause.code === 'ENOENT'
            ? 'there is no such program'
            : cause.code === 'EACCES'
              ? 'this user may not execute it; name a program, or make the file executable (chmod +x)'
              : cause.message
        this.fail(new TrainError('E_TRAINER_START', `cannot start ${program} (in ${cwd}): ${what}`, cause))
        resolve()
      })
      this.child.once('close', (code, signal) => {
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`
        const last = this.lastLine === '' ? 'it printed nothing' : `it last printed: ${this.lastLine}`
        this.fail(new TrainError('E_TRAINER_CRASHED', `the trainer ended with ${how}; ${last}`))
        resolve()
      })
    })
    // A broken pipe shows as the end of the process.
    stdin?.on('error', () => undefined)
    stdout?.on('data', (piece: Buffer) => this.receive(piece))
    if (stderr !== null) {
      createInterface({ input: stderr }).on('line', (line) => {
        if (line.trim() !== '') this.lastLine = line.slice(0, MAX_QUOTED_LINE)
        onLog(line.slice(0, MAX_LOG_LINE))
      })
    }
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** Sends a request and resolves with its reply. After any failure but E_TRAINER_FAILED the process is of no use. */
  async ask<K extends TrainerRequest['type']>(
    request: Extract<TrainerRequest, { type: K }>,
    deadlineMs: number,
    tensors: readonly Float32Array[] = [],
    signal?: AbortSignal,
  ): Promise<{ reply: TrainerReplies[K]; tensor: Float32Array }> {
    if (this.failure !== undefined) throw this.failure
    let timer: NodeJS.Timeout | undefined
    const onAbort = (): void =>
      this.fail(
        new TrainError('E_TRAIN_ABORTED', 'stopped on request; the parameters are unchanged', signal?.reason),
      )
    try {
      const frame = await new Promise<Frame>((resolve, reject) => {
        this.pending = { resolve, reject }
        timer = setTimeout(() => {
          const text = `the trainer did not answer '${request.type}' within ${deadlineMs} ms`
          this.fail(new TrainError('E_TRAINER_DEADLINE', `${text}; make it faster or the deadline longer`))
        }, deadlineMs)
        if (signal?.aborted === true) onAbort()
        signal?.addEventListener('abort', onAbort, { once: true })
        this.send(request, tensors)
      })
      return { reply: parseReply(request.type, frame.message), tensor: frame.tensor }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      this.pending = undefined
    }
  }

  /** Highest resident set so far, bytes; undefined where the system does not say it. */
  async peakMemory(): Promise<number | undefined> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8').catch(() => '')
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(status)
    return match === null ? undefined : Number(match[1]) * 1024
  }

  /** Asks it to end, and kills it when it does not, or is at work: nobody waits for the result any more. */
  async close(): Promise<void> {
    if (this.pending !== undefined)
      this.fail(new TrainError('E_TRAINER_DISPOSED', 'the trainer process was closed'))
    if (this.failure === undefined) {
      await this.ask({ type: 'shutdown' }, EXIT_MS).catch(() => undefined)
    }
    this.child.stdin?.end()
    const timer = setTimeout(() => this.kill(), this.failure === undefined ? EXIT_MS : 0)
    await this.exited
    clearTimeout(timer)
  }

  private send(request: TrainerRequest, tensors: readonly Float32Array[]): void {
    const bytes = tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0)
    const { stdin } = this.child
    stdin?.write(encodeFrameHead(request, bytes))
    for (const tensor of tensors)
      stdin?.write(new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength))
  }

  private receive(piece: Uint8Array): void {
    if (this.failure !== undefined) return
    try {
      for (const frame of this.reader.push(piece)) {
        const { pending } = this
        if (pending === undefined) {
          throw new TrainError('E_TRAINER_PROTOCOL', 'the trainer wrote a frame that nothing had asked for')
        }
        this.pending = undefined
        pending.resolve(frame)
      }
    } catch (error) {
      this.fail(error as TrainError)
    }
  }

  /** The process cannot be used any more; what it was asked is rejected. */
  private fail(error: TrainError): void {
    this.failure ??= error
    this.kill()
    this.pending?.reject(error)
  }

  private kill(): void {
    const { pid, exitCode, signalCode } = this.child
    if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid)
  }
}
