/** LSTM and GRU: the products with the inputs of all steps at once, the recurrent ones step by step. */

import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import type { RecurrentOperation } from '../../../task/operation.js'
import type { Tf } from '../tfjs.js'
import { sigmoidSlope, tanhSlope } from './activation.js'
import {
  type Applied,
  keepGradient,
  kernelGradient,
  linear,
  rowsOf,
  tensorsOf,
  type Workspace,
} from './applied.js'

/** One step: what the next one gets, and the way back. All matrices are batch × units or batch × gates·units. */
interface Step {
  readonly hidden: Tensor2D
  readonly cell: Tensor2D
  /** From the derivatives by this step's state to those by its sums and by the state before it. */
  backward(hidden: Tensor2D, cell: Tensor2D): StepGradient
}

interface StepGradient {
  /** By the sums with the inputs, and by those with the state before: of the LSTM they are the same. */
  readonly own: Tensor2D
  readonly recurrent: Tensor2D
  /** By the state before, without what the recurrent product passes on. */
  readonly hidden: Tensor2D | undefined
  readonly cell: Tensor2D
}

export function applyRecurrent(operation: RecurrentOperation, x: Tensor, work: Workspace): Applied {
  const { batch } = work
  const { tf } = work.backend
  const { steps, inputs, units, every, kind } = operation
  const [kernel, recurrent, bias, recurrentBias] = tensorsOf(operation, work) as [
    Tensor2D,
    Tensor2D,
    Tensor,
    Tensor | undefined,
  ]
  const rows = rowsOf(work, byStep(tf, tf.reshape(x, [batch, steps, inputs])), inputs)
  const sums = tf.split(linear(work, rows, kernel, bias), steps) as Tensor2D[]
  const turned = tf.transpose(recurrent)
  const step = kind === 'lstm' ? lstmStep : gruStep
  const start: Tensor2D = tf.zeros([batch, units])
  const history: Step[] = []
  let [hidden, cell] = [start, start]
  for (const own of sums) {
    const product: Tensor2D = tf.matMul(hidden, turned)
    const biased: Tensor2D = recurrentBias === undefined ? product : tf.add(product, recurrentBias)
    const next = step(tf, own, biased, hidden, cell)
    history.push(next)
    hidden = next.hidden
    cell = next.cell
  }
  const states = history.map((entry) => entry.hidden)
  return {
    output: every ? byStep(tf, tf.stack(states) as Tensor3D) : hidden,
    backward(upper) {
      const uppers = every
        ? (tf.unstack(byStep(tf, tf.reshape(upper, [batch, steps, units]))) as Tensor2D[])
        : undefined
      let above: Tensor2D = uppers === undefined ? tf.reshape(upper, [batch, units]) : start
      let aboveCell = start
      const own: Tensor2D[] = []
      const products: Tensor2D[] = []
      for (let t = steps - 1; t >= 0; t--) {
        if (uppers !== undefined) above = tf.add(above, uppers[t] as Tensor2D)
        const back = (history[t] as Step).backward(above, aboveCell)
        own.unshift(back.own)
        products.unshift(back.recurrent)
        aboveCell = back.cell
        const passed: Tensor2D = tf.matMul(back.recurrent, recurrent)
        above = back.hidden === undefined ? passed : tf.add(back.hidden, passed)
      }
      const [dz, dp] = [joined(tf, own), joined(tf, products)]
      keepGradient(operation, 0, work, kernelGradient(work, dz, rows))
      keepGradient(operation, 1, work, kernelGradient(work, dp, joined(tf, [start, ...states.slice(0, -1)])))
      keepGradient(operation, 2, work, tf.sum(dz, 0))
      if (recurrentBias !== undefined) keepGradient(operation, 3, work, tf.sum(dp, 0))
      return () => {
        const dx: Tensor3D = tf.reshape(tf.matMul(dz, kernel), [steps, batch, inputs])
        return tf.reshape(byStep(tf, dx), x.shape)
      }
    },
  }
}

/** From batch × steps × n to steps × batch × n, and back. */
function byStep(tf: Tf, x: Tensor3D): Tensor3D {
  return tf.transpose(x, [1, 0, 2])
}

function joined(tf: Tf, matrices: Tensor2D[]): Tensor2D {
  return matrices.length === 1 ? (matrices[0] as Tensor2D) : tf.concat(matrices, 0)
}

function lstmStep(tf: Tf, own: Tensor2D, product: Tensor2D, _hidden: Tensor2D, before: Tensor2D): Step {
  const [input, forget, fresh, output] = tf.split(tf.add(own, product), 4, 1) as Four
  const [i, f, g, o] = [tf.sigmoid(input), tf.sigmoid(forget), tf.tanh(fresh), tf.sigmoid(output)]
  const cell: Tensor2D = tf.add(tf.mul(f, before), tf.mul(i, g))
  const squashed = tf.tanh(cell)
  return {
    hidden: tf.mul(o, squashed),
    cell,
    backward(upper, upperCell) {
      const dc: Tensor2D = tf.add(upperCell, tf.mul(tf.mul(upper, o), tanhSlope(tf, squashed)))
      const di = tf.mul(tf.mul(dc, g), sigmoidSlope(tf, i))
      const df = tf.mul(tf.mul(dc, before), sigmoidSlope(tf, f))
      const dg = tf.mul(tf.mul(dc, i), tanhSlope(tf, g))
      const dout = tf.mul(tf.mul(upper, squashed), sigmoidSlope(tf, o))
      const sums = tf.concat([di, df, dg, dout] as Four, 1)
      return { own: sums, recurrent: sums, hidden: undefined, cell: tf.mul(dc, f) }
    },
  }
}

function gruStep(tf: Tf, own: Tensor2D, product: Tensor2D, before: Tensor2D, cell: Tensor2D): Step {
  const [ownReset, ownUpdate, ownNew] = tf.split(own, 3, 1) as Three
  const [resetProduct, updateProduct, newProduct] = tf.split(product, 3, 1) as Three
  const reset = tf.sigmoid(tf.add(ownReset, resetProduct))
  const update = tf.sigmoid(tf.add(ownUpdate, updateProduct))
  const fresh = tf.tanh(tf.add(ownNew, tf.mul(reset, newProduct)))
  const change = tf.sub(before, fresh)
  return {
    hidden: tf.add(fresh, tf.mul(update, change)),
    cell,
    backward(upper, upperCell) {
      const dn = tf.mul(tf.mul(upper, tf.sub(1, update)), tanhSlope(tf, fresh))
      const du = tf.mul(tf.mul(upper, change), sigmoidSlope(tf, update))
      const dr = tf.mul(tf.mul(dn, newProduct), sigmoidSlope(tf, reset))
      return {
        own: tf.concat([dr, du, dn] as Three, 1),
        recurrent: tf.concat([dr, du, tf.mul(dn, reset)] as Three, 1),
        hidden: tf.mul(upper, update),
        cell: upperCell,
      }
    },
  }
}

type Three = [Tensor2D, Tensor2D, Tensor2D]
type Four = [Tensor2D, Tensor2D, Tensor2D, Tensor2D]
