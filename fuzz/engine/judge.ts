import { Script } from 'node:vm'
import { TemperedError } from '@tempered/errors'
import { startCounting, stopCounting } from './memory-meter.js'
import { Broken, type Target } from './target.js'

/** What came of one input. */
export interface Outcome {
  /** The code of a refusal; undefined where the input was accepted. */
  readonly code: string | undefined
  /** What is wrong with the decoder; undefined where nothing is. */
  readonly failure: string | undefined
  readonly ms: number
}

/** For one input, unless a target says otherwise. */
export const MOST_MS = 2_000
const MOST_BYTES = 8 * 1024 * 1024
/** A message is shown and logged; what peers send must not make it long. */
const MOST_MESSAGE = 4 * 1024
const CODE = /^E_[A-Z_]+$/

/** Runs what is in this place of the global object; V8 ends it when its time is over, even in a loop. */
const PLACE = '__temperedFuzzCases'
const globals = globalThis as unknown as Record<string, (() => void) | undefined>
const script = new Script(`${PLACE}()`)

/** Targets whose decoders wait, which V8's limit does not reach: a watch of the process is over them. */
const waiting = new WeakSet<Target>()

/**
 * Gives a target one input after the other and looks at what it does. Limiting the time of a call costs more than most
 * calls, so that the limit is on several.
 *
 * @param onCase - before each
 */
export async function judge(
  target: Target,
  inputs: readonly Uint8Array[],
  onCase: (index: number) => void = () => undefined,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const mostMs = target.mostMs ?? MOST_MS
  let began = 0
  let alone = false
  let running = -1
  while (outcomes.length < inputs.length) {
    let late: Promise<Outcome> | undefined
    const step = (): void => {
      running = outcomes.length
      onCase(running)
      began = performance.now()
      const outcome = attempt(target, inputs[outcomes.length]!, mostMs)
      if (outcome instanceof Promise) late = outcome
      else outcomes.push(outcome)
    }
    if (waiting.has(target)) step()
    else {
      globals[PLACE] = () => {
        do step()
        while (late === undefined && !alone && outcomes.length < inputs.length)
      }
      try {
        script.runInThisContext({ timeout: mostMs })
        alone = false
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        stopCounting()
        // Its time may have been over when it had just ended, or begun to wait.
        const isCut = late === undefined && outcomes.length === running
        // Others had most of the time: this one gets all of it.
        const isOver: boolean = alone || performance.now() - began >= mostMs
        alone = isCut && !isOver
        if (isCut && isOver)
          outcomes.push({ code: undefined, failure: `did not end within ${mostMs} ms`, ms: mostMs })
      }
    }
    if (late === undefined) continue
    waiting.add(target)
    outcomes.push(await late)
  }
  return outcomes
}

function attempt(target: Target, input: Uint8Array, mostMs: number): Outcome | Promise<Outcome> {
  const before = input.slice()
  const began = performance.now()
  const finish = (asked: number, failure: string | undefined, code?: string): Outcome => {
    const ms = performance.now() - began
    return { code, ms, failure: failure ?? excess(target, asked, ms, mostMs, before, input) }
  }
  const accepted = (value: unknown): Outcome => {
    const asked = stopCounting()
    try {
      target.holds?.(value, input)
      return finish(asked, undefined)
    } catch (error) {
      return finish(asked, faultOf(error))
    }
  }
  const refused = (error: unknown): Outcome =>
    finish(stopCounting(), faultOf(error, target.mostMessage), (error as { code?: string } | undefined)?.code)
  startCounting()
  try {
    const value = target.decode(input)
    return value instanceof Promise ? inTime(value, mostMs).then(accepted, refused) : accepted(value)
  } catch (error) {
    return refused(error)
  }
}

function excess(
  target: Target,
  asked: number,
  ms: number,
  mostMs: number,
  before: Uint8Array,
  input: Uint8Array,
): string | undefined {
  if (asked > (target.mostBytes ?? MOST_BYTES)) return `asked for ${asked} bytes of buffers`
  if (ms > mostMs) return `took ${Math.round(ms)} ms`
  return Buffer.compare(before, input) === 0 ? undefined : 'changed its input'
}

async function inTime<T>(work: Promise<T>, mostMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Broken(`did not answer within ${mostMs} ms`)), mostMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What is wrong with a refusal; undefined for one of our errors with a code. */
function faultOf(error: unknown, mostMessage = MOST_MESSAGE): string | undefined {
  if (error instanceof Broken) return error.message
  const { code, name, message } = (error ?? {}) as { code?: unknown; name?: string; message?: string }
  if (!(error instanceof Error)) return `threw ${typeof error}`
  const isOurs = error instanceof TemperedError || (name !== undefined && OURS.has(name))
  if (!isOurs) return `threw ${name}: ${message?.slice(0, 300)}\n${placeOf(error)}`
  if (typeof code !== 'string' || !CODE.test(code) || code === 'E_INTERNAL')
    return `threw ${name} with code ${String(code)}: ${message?.slice(0, 300)}`
  if (message !== undefined && message.length > mostMessage)
    return `threw ${code} with a message of ${message.length} characters: ${message.slice(0, 100)}…`
  return hiddenBug(error)
}

const placeOf = ({ stack }: Error): string => stack?.split('\n').slice(1, 6).join('\n') ?? ''

const isOurCode = ({ stack }: Error): boolean => !/^.*\n.*node_modules/.test(stack ?? '')

/** Errors of ours that are no TemperedError. */
const OURS = new Set(['CarError', 'InboundError', 'NodeError'])

/**
 * A mistake in our code, wrapped into a refusal as if it were one in the input. Readers of other people's formats stumble so
 * over bad files: those are refused, as they should be.
 */
function hiddenBug(error: Error): string | undefined {
  for (let cause = error.cause, k = 0; cause instanceof Error && k < 8; cause = cause.cause, k++)
    if (cause instanceof TypeError || cause instanceof ReferenceError)
      if (/Cannot read|is not a function|is not iterable|undefined/.test(cause.message) && isOurCode(cause))
        return `hides ${cause.name}: ${cause.message}\n${placeOf(cause)}`
  return undefined
}
