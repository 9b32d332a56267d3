/** Choice of the engine by the name that users give. */

import { TrainError } from '../trainer/train-error.js'
import type { Engine } from './engine.js'
import { createBackend, type BackendName as TfjsName } from './tfjs/backend.js'
import { createTfjsEngine } from './tfjs/tfjs-engine.js'
import { createWasmEngine } from './wasm/wasm-engine.js'

/** `simd` is Tempered's own engine; the others are backends of tfjs. `auto` is `simd`. */
export const BACKEND_CHOICES = ['auto', 'simd', 'node', 'wasm', 'cpu'] as const
export type BackendChoice = (typeof BACKEND_CHOICES)[number]

export interface BackendInfo {
  readonly name: 'simd' | TfjsName
  /** One readable line: what was chosen and why. */
  readonly notice: string
}

/** Throws TrainError E_BACKEND_UNAVAILABLE. Nothing of tfjs is loaded for `simd`. */
export async function chooseEngine(choice: BackendChoice): Promise<{ engine: Engine; info: BackendInfo }> {
  if (!BACKEND_CHOICES.includes(choice)) {
    throw new TrainError(
      'E_BACKEND_UNAVAILABLE',
      `unknown backend '${choice}', expected ${BACKEND_CHOICES.join(', ')}`,
    )
  }
  if (choice === 'auto' || choice === 'simd') {
    const notice = `training on simd: ${choice === 'auto' ? "Tempered's own engine" : 'chosen'}`
    return { engine: createWasmEngine(), info: { name: 'simd', notice } }
  }
  const backend = await createBackend(choice)
  return { engine: createTfjsEngine(backend), info: { name: backend.name, notice: backend.notice } }
}
