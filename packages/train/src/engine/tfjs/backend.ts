/**
 * Choice of the tensor backend: libtensorflow (tfjs-node) where it is installed, WebAssembly SIMD otherwise, plain
 * JavaScript as the last resort. Only core and the one backend are loaded, never the tfjs union package (slow,
 * prints a banner). Works in worker threads: the .wasm binary is read from the package's own folder.
 */

import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { TrainError } from '../../trainer/train-error.js'
import type { Tf } from './tfjs.js'
import { registerWasmKernels } from './wasm-kernels.js'

export const BACKEND_CHOICES = ['auto', 'node', 'wasm', 'cpu'] as const
export type BackendChoice = (typeof BACKEND_CHOICES)[number]
export type BackendName = Exclude<BackendChoice, 'auto'>

export interface BackendInfo {
  name: BackendName
  /** One readable line: what was chosen and why. */
  notice: string
}

export interface TrainingBackend extends BackendInfo {
  tf: Tf
}

export interface BackendLoaders {
  /** Loads `@tensorflow/tfjs-node` and returns its namespace; injected by tests. */
  loadTfjsNode(): Promise<Tf>
}

const INSTALL_HINT =
  'docs/engines.md says how to install or build it (version 4.22.0, found through NODE_PATH), or use the backend simd'

const require = createRequire(import.meta.url)

const defaultLoaders: BackendLoaders = {
  async loadTfjsNode() {
    return require('@tensorflow/tfjs-node') as Tf
  },
}

/** Name under which tfjs knows the backend. */
export function tfBackendName(name: BackendName): string {
  return name === 'node' ? 'tensorflow' : name
}

let lastComputation: Promise<unknown> = Promise.resolve()

/**
 * Runs a synchronous computation with the backend as tfjs's current one. tfjs has one current backend per process,
 * and changing it is asynchronous: computations of different backends (tests) take turns here.
 */
export function withBackend<T>(backend: TrainingBackend, compute: () => T): Promise<T> {
  const { tf, name } = backend
  const wanted = tfBackendName(name)
  const result = lastComputation.then(async () => {
    if (tf.getBackend() !== wanted && !(await tf.setBackend(wanted))) {
      throw new TrainError('E_BACKEND_UNAVAILABLE', `tfjs could not start its backend '${wanted}'`)
    }
    return compute()
  })
  lastComputation = result.catch(() => undefined)
  return result
}

async function startNode(loaders: BackendLoaders, notice: string): Promise<TrainingBackend> {
  const tf = await loaders.loadTfjsNode()
  tf.enableProdMode()
  const backend: TrainingBackend = { name: 'node', tf, notice }
  return withBackend(backend, () => backend)
}

async function startWasm(notice: string): Promise<TrainingBackend> {
  const tf = require('@tensorflow/tfjs-core') as Tf
  tf.enableProdMode()
  const wasm = require('@tensorflow/tfjs-backend-wasm') as typeof import('@tensorflow/tfjs-backend-wasm')
  if (tf.findBackend('wasm') === null && tf.getBackend() !== 'wasm') {
    wasm.setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  }
  registerWasmKernels(tf)
  const backend: TrainingBackend = { name: 'wasm', tf, notice }
  return withBackend(backend, () => backend)
}

async function startCpu(notice: string): Promise<TrainingBackend> {
  const tf = require('@tensorflow/tfjs-core') as Tf
  tf.enableProdMode()
  require('@tensorflow/tfjs-backend-cpu')
  const backend: TrainingBackend = { name: 'cpu', tf, notice }
  return withBackend(backend, () => backend)
}

/** First line of an error, for a notice. */
function brief(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.split('\n')[0] ?? '').slice(0, 120)
}

function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  return (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') && /tfjs-node'/.test(message ?? '')
}

/**
 * Starts the backend. `auto` never fails because tfjs-node is missing: it notes that in its notice and uses the next
 * backend. An explicit choice that is unavailable throws TrainError E_BACKEND_UNAVAILABLE.
 */
export async function createBackend(
  choice: BackendChoice,
  loaders: BackendLoaders = defaultLoaders,
): Promise<TrainingBackend> {
  if (!BACKEND_CHOICES.includes(choice)) {
    throw new TrainError(
      'E_BACKEND_UNAVAILABLE',
      `unknown backend '${choice}', expected ${BACKEND_CHOICES.join(', ')}`,
    )
  }
  if (choice === 'wasm' || choice === 'cpu') {
    const start = choice === 'wasm' ? startWasm : startCpu
    return start(`training on ${choice}: chosen`).catch((cause: unknown) => {
      throw new TrainError(
        'E_BACKEND_UNAVAILABLE',
        `the backend ${choice} did not start: ${brief(cause)}`,
        cause,
      )
    })
  }
  let reason: string
  try {
    return await startNode(
      loaders,
      `training on node (libtensorflow)${choice === 'auto' ? ': tfjs-node is installed' : ''}`,
    )
  } catch (cause) {
    reason = isMissing(cause) ? 'tfjs-node is not installed' : `tfjs-node did not load (${brief(cause)})`
    if (choice === 'node') throw new TrainError('E_BACKEND_UNAVAILABLE', `${reason}: ${INSTALL_HINT}`, cause)
  }
  try {
    return await startWasm(`training on wasm (SIMD): ${reason}`)
  } catch (cause) {
    return startCpu(`training on cpu (slow): ${reason}, WebAssembly did not start (${brief(cause)})`)
  }
}
