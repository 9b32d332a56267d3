import { runInThisContext } from 'node:vm'
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

const MOST_MS = 2_000
const MOST_BYTES = 8 * 1024 * 1024
/** A message is shown and logged; what peers send must not make it long. */
const MOST_MESSAGE = 8 * 1024
const CODE = /^E_[A-Z_]+$/

/** Runs what is in this place of the global object; V8 ends it when its time is over, even in a loop. */
const PLACE = '__temperedFuzzCase'
const globals = globalThis as unknown as Record<string, (() => unknown) | undefined>

/** Gives a target an input and looks at what it does. */
export async function judge(target: Target, input: Uint8Array): Promise<Outcome> {
  const mostMs = target.mostMs ?? MOST_MS
  const before = input.slice()
  const began = performance.now()
  let code: string | undefined
  let failure: string | undefined
  let asked = 0
  startCounting()
  try {
    globals[PLACE] = () => target.decode(input)
    const running = runInThisContext(`${PLACE}()`, { timeout: mostMs })
    const value = running instanceof Promise ? await inTime(running, mostMs) : running
    asked = stopCounting()
    target.holds?.(value, input)
  } catch (error) {
    asked ||= stopCounting()
    code = (error as { code?: string } | undefined)?.code
    failure = faultOf(error, mostMs)
  }
  const ms = performance.now() - began
  if (failure === undefined && asked > (target.mostBytes ?? MOST_BYTES))
    failure = `asked for ${asked} bytes of buffers`
  if (failure === undefined && ms > mostMs) failure = `took ${Math.round(ms)} ms`
  if (failure === undefined && Buffer.compare(before, input) !== 0) failure = 'changed its input'
  return { code, failure, ms }
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
function faultOf(error: unknown, mostMs: number): string | undefined {
  if (error instanceof Broken) return error.message
  const { code, name, message } = (error ?? {}) as { code?: unknown; name?: string; message?: string }
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return `did not end within ${mostMs} ms`
  if (!(error instanceof Error)) return `threw ${typeof error}`
  const isOurs = error instanceof TemperedError || (name !== undefined && OURS.has(name))
  if (!isOurs)
    return `threw ${name}: ${message?.slice(0, 300)}\n${error.stack?.split('\n').slice(1, 6).join('\n')}`
  if (typeof code !== 'string' || !CODE.test(code) || code === 'E_INTERNAL')
    return `threw ${name} with code ${String(code)}: ${message?.slice(0, 300)}`
  if (message !== undefined && message.length > MOST_MESSAGE)
    return `threw ${code} with a message of ${message.length} characters: ${message.slice(0, 100)}…`
  return hiddenBug(error)
}

/** Errors of ours that are no TemperedError. */
const OURS = new Set(['CarError', 'InboundError', 'NodeError'])

/** A mistake in our code, wrapped into a refusal as if it were one in the input. */
function hiddenBug(error: Error): string | undefined {
  for (let cause = error.cause, k = 0; cause instanceof Error && k < 8; cause = cause.cause, k++)
    if (cause instanceof TypeError || cause instanceof ReferenceError)
      if (/Cannot read|is not a function|is not iterable|undefined|not a constructor/.test(cause.message))
        return `hides ${cause.name}: ${cause.message}\n${cause.stack?.split('\n').slice(1, 6).join('\n')}`
  return undefined
}
