import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../../test-support/tier.js'
import { createWasmEngine } from '../../../../src/engine/wasm/wasm-engine.js'
import { ENGINE_CASES } from '../../../support/engine-cases.js'
import { createProblem, derivativeAt, fill, lossAt, volume } from '../../../support/engine-problem.js'
import { referenceForward } from '../../../support/reference-model.js'

const engine = createWasmEngine()

describe.each(ENGINE_CASES)('%s', (name, input, layers, init = {}) => {
  const problem = createProblem({ input, layers, seed: name, ...init })
  const { model, batch, inputs, inputFloats, parameters } = problem
  const program = engine.compile(model, problem.loss)

  it('outputs and loss agree with float64', () => {
    fill(program, problem)
    const outputs = program.forward(batch).slice()
    const size = volume(model.output)
    const exact = Float64Array.from(parameters)
    const expected = Array.from({ length: batch }, (_, k) => {
      const sample = Array.from({ length: inputFloats }, (_, i) => inputs[k * inputFloats + i])
      return [...referenceForward(model, exact, sample)]
    }).flat()
    expect(outputs.length).toBe(batch * size)
    const scale = Math.max(1, ...expected.map(Math.abs))
    expected.forEach((value, k) => {
      expect(Math.abs(outputs[k] - value) / scale, `output ${k}`).toBeLessThan(1e-5)
    })
    const loss = lossAt(problem, exact)
    expect(Math.abs(program.lossOf(batch) - loss) / Math.max(1, loss)).toBeLessThan(1e-5)
  })

  it('gradients agree with finite differences', () => {
    fill(program, problem)
    const gradient = new Float32Array(model.parameterCount)
    const loss = program.gradient(batch, { seed: 1 }, gradient)
    const exact = lossAt(problem, Float64Array.from(parameters))
    expect(Math.abs(loss - exact) / Math.max(1, exact)).toBeLessThan(1e-5)
    const rng = createRng('places', name)
    for (const { name: tensor, offset, length } of model.tensors) {
      const own = gradient.subarray(offset, offset + length)
      // A bias before a softmax over positions, say, may have none; kernels have.
      const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const count = Math.min(length, sized(8, 40))
      for (let draw = 0; draw < count; draw++) {
        const place = length <= count ? draw : rng.integer(length)
        const expected = derivativeAt(problem, offset + place)
        const error = Math.abs(own[place] - expected) / Math.max(largest, 1e-3)
        expect(error, `${tensor} at ${place}: ${own[place]} for ${expected}`).toBeLessThan(1e-4)
      }
    }
  })
})
