import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import { full } from '../../../../../../test-support/tier.js'
import { EngineMemory } from '../../../../src/engine/wasm/engine-memory.js'
import { ACTIVATION_CODES, startKernels } from '../../../../src/engine/wasm/kernels.js'
import { ACTIVATIONS, type Activation } from '../../../../src/task/layer-schema.js'
import { activations, erf } from '../../../support/reference-model.js'

it.runIf(full)('the committed binary is what the sources give', () => {
  const script = fileURLToPath(new URL('../../../../../../scripts/kernels.mjs', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
})

const COUNT = 20_000
const memory = new EngineMemory()
const kernels = startKernels(memory.memory)
const from = memory.reserve(4 * COUNT)
const to = memory.reserve(4 * COUNT)
const upper = memory.reserve(4 * COUNT)

/** Runs a kernel on `from`; the results are valid until the next run. */
function results(inputs: Float32Array, run: (length: number) => void): Float32Array {
  memory.float32.set(inputs, from / 4)
  run(inputs.length)
  return memory.float32.subarray(to / 4, to / 4 + inputs.length)
}

/** Evenly over [−limit, limit], and as many of all magnitudes. */
function arguments_(limit: number): Float32Array {
  const rng = createRng('arguments', limit)
  return Float32Array.from({ length: COUNT }, (_, k) =>
    k % 2 === 0
      ? (2 * rng.uniform() - 1) * limit
      : (rng.uniform() < 0.5 ? -1 : 1) * limit * 2 ** (-30 * rng.uniform()),
  )
}

it('e^x is within 2 units in the last place', () => {
  const inputs = arguments_(87)
  const outputs = results(inputs, (length) => kernels.exponential(from, to, length))
  const worst = inputs.reduce((most, x, k) => {
    const exact = Math.exp(x)
    return Math.max(most, Math.abs(outputs[k] - exact) / exact)
  }, 0)
  expect(worst).toBeLessThan(2 * 2 ** -23)
  const ends = Float32Array.of(0, 89, 1e30, -104, -1e30, -88, Number.POSITIVE_INFINITY, Number.NaN)
  const [one, ...rest] = results(ends, (length) => kernels.exponential(from, to, length))
  expect(one).toBe(1)
  expect(rest.slice(0, 4)).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0])
  expect(Math.abs(rest[4] / Math.exp(-88) - 1)).toBeLessThan(1e-6)
  expect(rest.slice(5)).toEqual([Number.POSITIVE_INFINITY, Number.NaN])
})

const exactDerivatives: Record<Activation, (x: number) => number> = {
  linear: () => 1,
  relu: (x) => (x > 0 ? 1 : 0),
  'leaky-relu': (x) => (x < 0 ? 0.01 : 1),
  gelu: (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  silu: (x) => {
    const s = activations.sigmoid(x)
    return s * (1 + x * (1 - s))
  },
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => activations.sigmoid(x) * (1 - activations.sigmoid(x)),
}

describe.each(ACTIVATIONS)('%s', (name) => {
  const code = ACTIVATION_CODES[name]
  const inputs = arguments_(12)

  it('is within 3e-7 of float64, relative to the larger of 1 and the argument', () => {
    const outputs = results(inputs, (length) => kernels.activate(code, from, to, length))
    inputs.forEach((x, k) => {
      const error = Math.abs(outputs[k] - activations[name](x)) / Math.max(1, Math.abs(x))
      expect(error, `at ${x}`).toBeLessThan(3e-7)
    })
  })

  it('has its derivative within 1e-6', () => {
    const source = name === 'gelu' || name === 'silu' ? inputs : inputs.map((x) => activations[name](x))
    memory.float32.fill(1, upper / 4, upper / 4 + COUNT)
    const outputs = results(source, (length) => kernels.activationGradient(code, from, upper, to, length))
    inputs.forEach((x, k) => {
      expect(Math.abs(outputs[k] - exactDerivatives[name](x)), `at ${x}`).toBeLessThan(1e-6)
    })
  })
})

it('tanh and σ keep their small arguments to 4 units in the last place, and saturate', () => {
  const inputs = arguments_(1)
  const outputs = results(inputs, (length) =>
    kernels.activate(ACTIVATION_CODES.tanh, from, to, length),
  ).slice()
  const worst = inputs.reduce((most, x, k) => Math.max(most, Math.abs(outputs[k] / Math.tanh(x) - 1)), 0)
  expect(worst).toBeLessThan(4 * 2 ** -23)
  const ends = Float32Array.of(1e30, -1e30, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
  const saturated = results(ends, (length) => kernels.activate(ACTIVATION_CODES.tanh, from, to, length))
  saturated.forEach((value, k) => {
    expect(Math.abs(value - Math.sign(ends[k]))).toBeLessThan(1e-6)
    expect(Math.abs(value)).toBeLessThanOrEqual(1)
  })
  expect([
    ...results(ends, (length) => kernels.activate(ACTIVATION_CODES.sigmoid, from, to, length)),
  ]).toEqual([1, 0, 1, 0])
})
