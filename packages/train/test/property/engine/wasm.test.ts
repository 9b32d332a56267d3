/** Models drawn at random: outputs, loss and gradients of the engine against float64. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { LOSSES } from '../../../src/engine/engine.js'
import { createWasmEngine } from '../../../src/engine/wasm/wasm-engine.js'
import { ACTIVATIONS, type LayerInput } from '../../../src/task/layer-schema.js'
import { createProblem, derivativeAt, fill, lossAt, type ProblemInit } from '../../support/engine-problem.js'

const engine = createWasmEngine()

const small = fc.integer({ min: 1, max: 9 })
const bias = fc.boolean()
// Kinks make finite differences wrong where a sum is close to 0; they are tested with fixed numbers.
const activation = fc.constantFrom(...ACTIVATIONS.filter((name) => !name.includes('relu')))
const padding = fc.constant('same' as const)
const size = fc.integer({ min: 1, max: 4 })
const stride = fc.integer({ min: 1, max: 3 })
const pair = fc.tuple(size, size)

function layer(fields: Record<string, unknown>): fc.Arbitrary<LayerInput> {
  return fc.record(
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        typeof value === 'string' ? fc.constant(value) : value,
      ]),
    ) as Record<string, fc.Arbitrary<unknown>>,
  ) as fc.Arbitrary<LayerInput>
}

const dense = layer({ layer: 'dense', units: small, bias, activation })
const dropout = layer({ layer: 'dropout', rate: fc.constant(0) })
const activationLayer = layer({ layer: 'activation', function: activation })
const layerNorm = layer({ layer: 'layer-norm', epsilon: fc.constant(0.1) })
const groupNorm = layer({ layer: 'group-norm', groups: fc.constant(1), epsilon: fc.constant(0.1) })
const anywhere = fc.oneof(activationLayer, dropout, layerNorm, groupNorm)

function residual(inner: fc.Arbitrary<LayerInput>): fc.Arbitrary<LayerInput> {
  return fc
    .array(inner, { minLength: 1, maxLength: 3 })
    .map((layers): LayerInput => ({ layer: 'residual', layers }))
}

const vectors = fc.array(fc.oneof(dense, anywhere, residual(anywhere)), { maxLength: 4 })

const images = fc.array(
  fc.oneof(
    layer({
      layer: 'conv2d',
      filters: fc.integer({ min: 1, max: 20 }),
      kernel: pair,
      stride,
      padding,
      bias,
      activation,
    }),
    layer({
      layer: 'conv2d',
      filters: fc.integer({ min: 8, max: 20 }),
      kernel: fc.constant(3),
      padding,
      bias,
      activation,
    }),
    layer({
      layer: 'depthwise-conv2d',
      kernel: pair,
      stride,
      padding,
      multiplier: fc.integer({ min: 1, max: 3 }),
      bias,
    }),
    layer({ layer: 'average-pool2d', size: pair, stride, padding }),
    residual(anywhere),
    anywhere,
  ),
  { maxLength: 4 },
)

const sequences = fc.array(
  fc.oneof(
    dense,
    layer({ layer: 'lstm', units: small, output: fc.constant('all') }),
    layer({ layer: 'gru', units: small, output: fc.constant('all') }),
    layer({ layer: 'attention', heads: fc.constant(1), causal: fc.boolean() }),
    layer({ layer: 'conv1d', filters: small, kernel: size, padding, activation }),
    layer({ layer: 'position-embedding' }),
    residual(fc.oneof(anywhere, layer({ layer: 'attention', heads: fc.constant(1) }))),
    anywhere,
  ),
  { maxLength: 4 },
)

const losses = fc.constantFrom(...LOSSES.filter((name) => name !== 'absolute'))
const batches = fc.constantFrom(1, 2, 3, 5, 17)
const end: LayerInput[] = [{ layer: 'flatten' }, { layer: 'dense', units: 5 }]

function models(dimensions: number, layers: fc.Arbitrary<LayerInput[]>): fc.Arbitrary<ProblemInit> {
  return fc.record({
    input: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: dimensions, maxLength: dimensions }),
    layers: layers.map((own) => [...own, ...end]),
    loss: losses,
    batch: batches,
    seed: fc.integer({ min: 0, max: 1e6 }),
  })
}

describe.each([
  ['vectors', models(1, vectors)],
  ['images', models(3, images)],
  ['sequences', models(2, sequences)],
])('models of %s', (_, drawn) => {
  it('agree with float64', () => {
    fc.assert(
      fc.property(drawn, (init) => {
        const problem = createProblem(init)
        const { model, batch, parameters, loss } = problem
        const program = engine.compile(model, loss)
        fill(program, problem)
        program.forward(batch)
        const exact = lossAt(problem, Float64Array.from(parameters))
        const scale = Math.max(1, exact)
        expect(Math.abs(program.lossOf(batch) - exact) / scale).toBeLessThan(2e-5)
        const gradient = new Float32Array(model.parameterCount)
        expect(Math.abs(program.gradient(batch, { seed: 1 }, gradient) - exact) / scale).toBeLessThan(2e-5)
        const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2)
        for (const { name, offset, length } of model.tensors) {
          const place = offset + ((init.seed as number) % length)
          const expected = derivativeAt(problem, place)
          expect(Math.abs(gradient[place] - expected) / largest, `${name}: ${gradient[place]}`).toBeLessThan(
            1e-3,
          )
        }
      }),
      { numRuns: sized(60, 1000), seed: 20261128 },
    )
  })
})
