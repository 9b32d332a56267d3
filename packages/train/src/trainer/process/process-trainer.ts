/**
 * A trainer in a process of the user's own, in any language. The process is restarted when it crashes, hangs or says
 * something malformed, and what it was doing is asked again with the same parameters and seed: a round is never lost.
 */

import { createRng } from '@tempered/robust-agg/rng'
import type { OpenTask } from '../../task/task.js'
import { TrainError } from '../train-error.js'
import type { EvaluateRequest, Evaluation, Trainer, TrainRequest, TrainResult } from '../trainer.js'
import { checkEvaluateRequest, checkParameterCount, checkTrainRequest } from '../trainer-checks.js'
import { wrongCount } from './frames.js'
import { TRAINER_PROTOCOL_VERSION, type TrainerReplies } from './messages.js'
import { TrainerChild, type TrainerChildInit } from './trainer-child.js'

export interface ProcessTrainerInit
  extends Pick<TrainerChildInit, 'command' | 'cwd' | 'onLog' | 'onProcess'> {
  readonly task: OpenTask
  readonly nodeId: string | number
  readonly seed: string | number
  /** How long the process may take to answer, ms. */
  readonly deadlines?: Partial<TrainerDeadlines>
  /** Starts without success in a row before the trainer gives up. Default 3. */
  readonly attempts?: number
  /** After how long a start counts as slow. Default 10 s. */
  readonly slowStartMs?: number
  /** Ends a start that is still under way, with E_TRAIN_ABORTED. */
  readonly signal?: AbortSignal
  /** The process failed and is started again, or takes long to start; default: `onLog`. */
  onTrouble?(what: string): void
  /** After each request: what was asked, how long it took and the process's highest memory so far. */
  onUsage?(usage: TrainerUsage): void
}

export interface TrainerDeadlines {
  /** From the start until it has loaded its data. Default 5 minutes. */
  readonly helloMs: number
  /** One round of training. Default 30 minutes. */
  readonly trainMs: number
  /** An evaluation, or the losses of one model. Default 10 minutes. */
  readonly evaluateMs: number
  /** Parameters in or out. Default 1 minute. */
  readonly transferMs: number
}

const DEFAULT_DEADLINES: TrainerDeadlines = {
  helloMs: 300_000,
  trainMs: 1_800_000,
  evaluateMs: 600_000,
  transferMs: 60_000,
}

/** Loading a framework takes seconds. */
const SLOW_START_MS = 10_000

export interface TrainerUsage {
  readonly what: 'train' | 'evaluate' | 'losses'
  readonly ms: number
  readonly peakMemoryBytes: number | undefined
}

export interface ProcessTrainer extends Trainer {
  /** What the process said of its data when it started. */
  readonly data: { readonly samples: number; readonly testSamples: number; readonly description: string }
  /** Mean losses of models on the node's own training samples, the same ones for every model of a round. */
  losses(
    models: readonly Float32Array[],
    round: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<number[]>
  train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResult>
  evaluate(request?: EvaluateRequest, signal?: AbortSignal): Promise<Evaluation>
  /** Resolves when the process has ended. */
  close(): Promise<void>
}

/** Faults after which another process may succeed. */
const RESTARTABLE: ReadonlySet<string> = new Set([
  'E_TRAINER_CRASHED',
  'E_TRAINER_DEADLINE',
  'E_TRAINER_PROTOCOL',
])

/**
 * Starts the process and waits until it has loaded its data. Rejects with E_TRAINER_START, E_TRAINER_LAYOUT, and the
 * process's own failure.
 */
export async function createProcessTrainer(init: ProcessTrainerInit): Promise<ProcessTrainer> {
  const trainer = new ChildTrainer(init)
  await trainer.start()
  return trainer
}

/**
 * The parameters with which a process begins, by the run's seed: what it answers to `get` right after `hello`. The
 * process is started for this and ends afterwards. Rejects as {@link createProcessTrainer}, also with E_TRAINER_LAYOUT
 * for another number of parameters, and with E_TRAINER_PROTOCOL for ones that are not finite.
 */
export async function initialProcessParameters(init: ProcessTrainerInit): Promise<Float32Array> {
  const trainer = new ChildTrainer(init)
  try {
    return await trainer.initialParameters()
  } finally {
    await trainer.close()
  }
}

type Hello = TrainerReplies['hello']

class ChildTrainer implements ProcessTrainer {
  readonly parameterCount: number
  private readonly init: ProcessTrainerInit
  private readonly deadlines: TrainerDeadlines
  private readonly flat: Float32Array
  private child: TrainerChild | undefined
  private hello: Hello | undefined
  private last: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(init: ProcessTrainerInit) {
    this.init = init
    this.parameterCount = init.task.parameterCount
    this.deadlines = { ...DEFAULT_DEADLINES, ...init.deadlines }
    this.flat = new Float32Array(this.parameterCount)
  }

  get data() {
    const { samples, testSamples, data } = this.hello as Hello
    return { samples, testSamples, description: data }
  }

  async start(): Promise<void> {
    await this.withChild(async () => undefined)
  }

  /** To be called before anything is trained. */
  async initialParameters(): Promise<Float32Array> {
    return this.withChild(async (child) => {
      const { tensor } = await child.ask({ type: 'get' }, this.deadlines.transferMs).catch((error) => {
        if (!(error instanceof TrainError) || error.code !== 'E_TRAINER_FAILED') throw error
        const text = `${error.message}; its model must have parameters once it has answered 'hello'`
        throw new TrainError('E_TRAINER_FAILED', text, error)
      })
      this.checkReturned(tensor)
      const bad = tensor.findIndex((value) => !Number.isFinite(value))
      if (bad < 0) return tensor
      throw new TrainError(
        'E_TRAINER_PROTOCOL',
        `the trainer begins with parameters of which number ${bad} is ${tensor[bad]}; a run cannot begin with them`,
      )
    })
  }

  setParameters(flat: Float32Array): void {
    checkParameterCount(flat, this.parameterCount)
    this.flat.set(flat)
  }

  getParameters(out: Float32Array): Float32Array {
    checkParameterCount(out, this.parameterCount)
    out.set(this.flat)
    return out
  }

  async train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResult> {
    checkTrainRequest(request)
    if (request.noise !== undefined) {
      throw new TrainError(
        'E_TRAIN_REQUEST',
        'a trainer process sees its samples alone, so this node can clip none of them; use a run with differential privacy on updates (on: update), which clips what the process returns',
      )
    }
    const { nodeId, seed } = this.init
    const { round, steps, batchSize, learningRate, momentum, weightDecay = 0, logitAdjustment = 0 } = request
    const order = createRng(seed, 'batches', nodeId, round).nextUint32()
    const { trainMs, transferMs } = this.deadlines
    return this.inTurn('train', async (child) => {
      await child.ask({ type: 'set' }, transferMs, [this.flat], signal)
      const { reply } = await child.ask(
        {
          type: 'train',
          round,
          steps,
          batchSize,
          learningRate,
          momentum,
          weightDecay,
          logitAdjustment,
          seed: order,
        },
        trainMs,
        [],
        signal,
      )
      const { tensor } = await child.ask({ type: 'get' }, transferMs, [], signal)
      this.checkReturned(tensor)
      this.flat.set(tensor)
      return { loss: reply.loss ?? Number.NaN, samples: reply.samples }
    })
  }

  async evaluate(request: EvaluateRequest = {}, signal?: AbortSignal): Promise<Evaluation> {
    checkEvaluateRequest(request)
    const { trainingRound, limit } = request
    const { evaluateMs, transferMs } = this.deadlines
    return this.inTurn('evaluate', async (child) => {
      await child.ask({ type: 'set' }, transferMs, [this.flat], signal)
      const { reply } = await child.ask(
        {
          type: 'evaluate',
          on: trainingRound === undefined ? 'test' : 'training',
          round: trainingRound ?? null,
          limit: limit ?? null,
        },
        evaluateMs,
        [],
        signal,
      )
      return evaluationOf(reply, this.init.task)
    })
  }

  async losses(
    models: readonly Float32Array[],
    round: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<number[]> {
    for (const model of models) checkParameterCount(model, this.parameterCount)
    const { evaluateMs } = this.deadlines
    return this.inTurn('losses', async (child) => {
      const request = { type: 'losses', count: models.length, round, limit } as const
      const { reply } = await child.ask(request, evaluateMs * Math.max(1, models.length), models, signal)
      if (reply.values.length !== models.length) {
        throw new TrainError(
          'E_TRAINER_PROTOCOL',
          `the trainer returned ${reply.values.length} losses for ${models.length} models`,
        )
      }
      return reply.values.map((value) => value ?? Number.NaN)
    })
  }

  private checkReturned({ length }: Float32Array): void {
    if (length !== this.parameterCount) throw wrongCount(length, this.parameterCount)
  }

  dispose(): void {
    void this.close()
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.child?.close()
  }

  /** One request at a time, in the order of the calls. */
  private inTurn<T>(what: TrainerUsage['what'], work: (child: TrainerChild) => Promise<T>): Promise<T> {
    const result = this.last.then(async () => {
      const begun = performance.now()
      const value = await this.withChild(work)
      const ms = performance.now() - begun
      this.init.onUsage?.({ what, ms, peakMemoryBytes: await this.child?.peakMemory() })
      return value
    })
    this.last = result.catch(() => undefined)
    return result
  }

  /** Runs `work` on a live process; on a fault of the process again on a new one. */
  private async withChild<T>(work: (child: TrainerChild) => Promise<T>): Promise<T> {
    const attempts = this.init.attempts ?? 3
    for (let attempt = 1; ; attempt++) {
      if (this.closed) throw new TrainError('E_TRAINER_DISPOSED', 'the trainer process was closed')
      try {
        this.child ??= await this.startChild()
        return await work(this.child)
      } catch (error) {
        const code = error instanceof TrainError ? error.code : undefined
        if (code === 'E_TRAINER_FAILED') throw error
        await this.dropChild()
        if (code === undefined || !RESTARTABLE.has(code) || attempt >= attempts || this.closed) throw error
        this.tell(`${(error as TrainError).message}; starting it again (${attempt} of ${attempts - 1})`)
      }
    }
  }

  private tell(what: string): void {
    const { onLog, onTrouble = onLog } = this.init
    onTrouble(what)
  }

  private async dropChild(): Promise<void> {
    const { child } = this
    this.child = undefined
    await child?.close()
  }

  private async startChild(): Promise<TrainerChild> {
    const {
      task,
      nodeId,
      seed,
      command,
      cwd,
      onLog,
      onProcess,
      signal,
      slowStartMs = SLOW_START_MS,
    } = this.init
    const { helloMs } = this.deadlines
    const child = new TrainerChild({
      command,
      cwd,
      onLog,
      ...(onProcess === undefined ? {} : { onProcess }),
      maxTensorBytes: 4 * this.parameterCount,
    })
    const slow = setTimeout(() => {
      const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`
      this.tell(
        `the trainer has not answered 'hello' for ${seconds(slowStartMs)}; it may take ${seconds(helloMs)} (deadlines.helloMs)`,
      )
    }, slowStartMs)
    try {
      let offset = 0
      const layout = task.task.layout.map(({ name, shape }) => {
        const start = offset
        offset += shape.reduce((product, size) => product * size, 1)
        return { name, shape, offset: start }
      })
      const { reply } = await child.ask(
        {
          type: 'hello',
          version: TRAINER_PROTOCOL_VERSION,
          task: task.task,
          layout,
          parameters: this.parameterCount,
          node: nodeId,
          seed,
        },
        helloMs,
        [],
        signal,
      )
      checkLayout(reply, task)
      this.hello = reply
      return child
    } catch (error) {
      await child.close()
      throw error
    } finally {
      clearTimeout(slow)
    }
  }
}

/** The process must have the tensors of the task, in its order. */
function checkLayout({ layout }: Hello, { task }: OpenTask): void {
  const text = ({ name, shape }: { name: string; shape: readonly number[] }): string =>
    `${name} [${shape.join(', ')}]`
  task.layout.forEach((wanted, index) => {
    const found = layout[index]
    if (found !== undefined && text(found) === text(wanted)) return
    throw new TrainError(
      'E_TRAINER_LAYOUT',
      `tensor ${index} of the trainer is ${found === undefined ? 'missing' : text(found)}, ` +
        `but the run's task has ${text(wanted)}; build the same model as the task says`,
    )
  })
  if (layout.length > task.layout.length) {
    throw new TrainError(
      'E_TRAINER_LAYOUT',
      `the trainer has ${layout.length} tensors, but the run's task only ${task.layout.length}`,
    )
  }
}

function evaluationOf(reply: TrainerReplies['evaluate'], { task, primary }: OpenTask): Evaluation {
  const loss = reply.loss ?? Number.NaN
  const metrics: Evaluation['metrics'] = {}
  for (const name of task.metrics)
    metrics[name] = name === 'loss' ? loss : (reply.metrics[name] ?? Number.NaN)
  return {
    loss,
    metrics,
    primary: metrics[primary.name as (typeof task.metrics)[number]] ?? Number.NaN,
    samples: reply.samples,
  }
}
