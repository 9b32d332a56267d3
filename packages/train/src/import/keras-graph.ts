/**
 * From the graph of a functional model to what a task can list: one path from the input to the output, in which sums of
 * two branches that part at one layer are residual layers.
 */

import type { KerasLayer, KerasTopology } from './keras-topology.js'
import { refuseModel } from './refusal.js'

export type KerasStep =
  | { readonly kind: 'layer'; readonly layer: KerasLayer }
  | {
      readonly kind: 'sum'
      readonly layer: KerasLayer
      readonly body: readonly KerasStep[]
      /** Empty for the input itself. */
      readonly shortcut: readonly KerasStep[]
    }

/** The steps of a model in their order. Throws E_IMPORT for graphs that are not of this form. */
export function stepsOf(file: string, topology: KerasTopology): KerasStep[] {
  const walk = new GraphWalk(file, topology)
  const steps = walk.path(topology.output, undefined)
  for (const { name } of topology.layers.values())
    if (!walk.seen.has(name)) refuseModel(file, `layer ${name} does not lead from the input to the output`)
  return steps
}

class GraphWalk {
  readonly seen = new Set<string>()
  private readonly file: string
  private readonly layers: KerasTopology['layers']
  private readonly before = new Map<string, string | undefined>()
  private readonly open = new Set<string>()

  constructor(file: string, { layers }: KerasTopology) {
    this.file = file
    this.layers = layers
  }

  /** The steps after `start` up to `end`; from the very first layer without `start`. */
  path(end: string, start: string | undefined): KerasStep[] {
    const steps: KerasStep[] = []
    for (let at: string | undefined = end; at !== undefined && at !== start; at = this.previous(at)) {
      const layer = this.layer(at)
      if (this.seen.has(at)) this.branches(layer)
      this.seen.add(at)
      if (layer.inputs.length < 2) {
        if (layer.className !== 'InputLayer') steps.push({ kind: 'layer', layer })
        continue
      }
      const split = this.previous(at)
      const [a, b] = layer.inputs.map((name) => this.path(name, split)) as [KerasStep[], KerasStep[]]
      const [body, shortcut] = a.length > 0 ? [a, b] : [b, a]
      if (body.length === 0) refuseModel(this.file, `layer ${at} adds a value to itself`)
      steps.push({ kind: 'sum', layer, body, shortcut })
    }
    return steps.reverse()
  }

  /** The layer before one; before a sum, the layer at which its two branches part. */
  private previous(name: string): string | undefined {
    if (this.before.has(name)) return this.before.get(name)
    const layer = this.layer(name)
    // A graph with a circle.
    if (this.open.has(name)) this.branches(layer)
    this.open.add(name)
    const found = layer.inputs.length < 2 ? layer.inputs[0] : this.split(layer)
    this.open.delete(name)
    this.before.set(name, found)
    return found
  }

  private split(layer: KerasLayer): string {
    const { className, name, inputs } = layer
    if (className !== 'Add' || inputs.length !== 2) {
      return refuseModel(
        this.file,
        `layer ${name} (${className}) takes ${inputs.length} inputs; only an Add of two can be expressed, as a residual layer`,
      )
    }
    const [a, b] = inputs as [string, string]
    const trunk = new Set(this.trunk(a))
    return this.trunk(b).find((other) => trunk.has(other)) ?? this.branches(layer)
  }

  private trunk(from: string): string[] {
    const names: string[] = []
    for (let at: string | undefined = from; at !== undefined; at = this.previous(at)) {
      if (names.length > this.layers.size) this.branches(this.layer(at))
      names.push(at)
    }
    return names
  }

  private layer(name: string): KerasLayer {
    return this.layers.get(name) ?? refuseModel(this.file, `its topology names ${name}, which is no layer`)
  }

  private branches({ name, className }: KerasLayer): never {
    return refuseModel(
      this.file,
      `its layers branch at ${name} (${className}) in another way than the two sides of an Add; ` +
        'a task lists one path, with residual layers',
    )
  }
}
