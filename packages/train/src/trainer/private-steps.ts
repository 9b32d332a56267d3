/**
 * DP-SGD: steps of which no single sample can be told.
 *
 *   B ← each of the n samples with probability q = min(1, b/n)
 *   ḡ ← (Σ_{i in B} g_i·min(1, C/‖g_i‖₂) + N(0, (σ·C)²·I))/(q·n)
 *
 * and the optimiser moves along ḡ.
 * Symbols: g_i the gradient of one sample's loss, b the batch size, C the clip, σ the noise multiplier. Batches have q·n samples on
 * average; an empty one is noise alone.
 * Source: Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, arXiv 1607.00133, algorithm 1. Momentum, Adam and weight
 * decay come after the noise and cost no privacy. The samples of a step and the noise come from a secret seed: the accountant assumes
 * that nobody knows who was drawn.
 * Cost: one forward and backward pass of a single sample each, and d additions, instead of one pass of the batch.
 */

import { fillNormal } from '@tempered/robust-agg/rng'
import type { Samples } from '../data/dataset.js'
import type { Program, StepOptions } from '../engine/engine.js'
import type { BatchFiller } from './batch-filling.js'
import { createNoiseStream } from './noise-stream.js'

export interface SampleNoise {
  /** C, above 0. */
  readonly clip: number
  /** σ, at least 0. */
  readonly noiseMultiplier: number
  /** 32 bytes, secret; of this round alone. */
  readonly seed: Uint8Array
}

/** Private steps on the parameters that a program has loaded. */
export interface PrivateSteps {
  /** One step. Gives the losses of its samples before it, added up, and their number. */
  step(options: StepOptions): { readonly loss: number; readonly samples: number }
}

export interface PrivateStepsInit extends SampleNoise {
  /** The samples that may be drawn: those at `indices`, at least one. */
  readonly train: Samples & { readonly indices: Uint32Array }
  readonly batchSize: number
}

/** The chance q of each of n samples to be in a step. */
export function samplingRate(batchSize: number, samples: number): number {
  return samples === 0 ? 0 : Math.min(1, batchSize / samples)
}

export function createPrivateSteps(
  program: Program,
  filler: BatchFiller,
  { clip, noiseMultiplier, seed, train, batchSize }: PrivateStepsInit,
): PrivateSteps {
  const { indices } = train
  const { parameterCount } = program.model
  const rate = samplingRate(batchSize, indices.length)
  const expected = rate * indices.length
  const draw = createNoiseStream(seed, 'samples of a step')
  const uniform = createNoiseStream(seed, 'noise of a step')
  const one = new Uint32Array(1)
  const gradient = new Float32Array(parameterCount)
  const sum = new Float64Array(parameterCount)
  const noise = new Float64Array(parameterCount)
  return {
    step(options) {
      sum.fill(0)
      let loss = 0
      let samples = 0
      for (const index of indices) {
        if (draw() >= rate) continue
        one[0] = index
        filler.fill(program, train, one, 1)
        // Dropout of each sample on its own.
        const seedOfSample = (options.seed + Math.imul(samples, 0x9e3779b1)) >>> 0
        loss += program.gradient(1, { ...options, seed: seedOfSample }, gradient)
        addClipped(sum, gradient, clip)
        samples++
      }
      if (noiseMultiplier > 0) fillNormal(uniform, noise)
      const deviation = noiseMultiplier * clip
      for (let k = 0; k < parameterCount; k++)
        gradient[k] = ((sum[k] as number) + deviation * (noise[k] as number)) / expected
      program.descend(gradient, options)
      return { loss, samples }
    },
  }
}

function addClipped(sum: Float64Array, gradient: Float32Array, clip: number): void {
  let square = 0
  for (let k = 0; k < gradient.length; k++) square += (gradient[k] as number) ** 2
  const length = Math.sqrt(square)
  const share = length > clip ? clip / length : 1
  for (let k = 0; k < gradient.length; k++) sum[k] = (sum[k] as number) + share * (gradient[k] as number)
}
