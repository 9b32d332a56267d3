import { ownEntry } from '../own-entry.js'
import type { Activation } from '../task/layer-schema.js'
import { isObject } from './refusal.js'

/** An activation of Keras: one that layers can have, or one that is part of the loss here. */
export type KerasActivation = Activation | 'softmax'

const NAMES: Readonly<Record<string, KerasActivation>> = {
  linear: 'linear',
  relu: 'relu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  softmax: 'softmax',
}

/** Slope of leaky-relu below zero in tasks. */
const LEAK = 0.01

/** Name of an activation in a configuration: a text, or in Keras 3 an object; `linear` where there is none. */
function activationName(value: unknown): string | undefined {
  if (value === undefined || value === null) return 'linear'
  if (typeof value === 'string') return value
  if (!isObject(value)) return undefined
  if (typeof value.config === 'string') return value.config
  return typeof value.class_name === 'string' ? value.class_name.toLowerCase() : undefined
}

/** The activation of a layer, or what is wrong with it. */
export function readActivation(value: unknown): KerasActivation | { readonly problem: string } {
  const name = activationName(value)
  const known = ownEntry(NAMES, name ?? '')
  if (known !== undefined) return known
  return {
    problem: `its activation ${name ?? JSON.stringify(value)} is none of ${Object.keys(NAMES).join(', ')}; train the model with one of these`,
  }
}

/** What a ReLU or LeakyReLU layer is; a problem when it is capped or has another slope or threshold. */
export function readRelu(
  className: string,
  config: Readonly<Record<string, unknown>>,
): Activation | { readonly problem: string } {
  const leaky = className === 'LeakyReLU'
  const given = config.negative_slope ?? config.alpha
  const slope = typeof given === 'number' ? given : leaky ? 0.3 : 0
  if ((config.max_value ?? null) !== null || (config.threshold ?? 0) !== 0)
    return { problem: 'a ReLU with a maximum or a threshold cannot be expressed; use a plain ReLU' }
  if (slope === 0) return 'relu'
  // Files hold the slope as float32.
  if (Math.abs(slope - LEAK) < 1e-6) return 'leaky-relu'
  return { problem: `its slope below zero is ${slope}; only ${LEAK} can be expressed` }
}
