import type { Manifest } from '@tempered/protocol'

/** Training as the round engine needs it: on flat parameters of length d, outside the network thread. */
export interface LocalTraining {
  /** Trains `parameters` in place for the round's local steps; resolves with the mean training loss. */
  train(round: number, parameters: Float32Array): Promise<{ readonly loss: number }>
  /** Loss and the task's first metric on the node's test data, or null when this round is not evaluated. */
  evaluate(round: number, parameters: Float32Array): Promise<Evaluation | null>
  /**
   * Mean loss of a model on the node's own training samples, for rules that judge neighbours by it: the same samples
   * for every model of a round.
   */
  loss(round: number, parameters: Float32Array): Promise<number>
  /** The run goes on under this manifest: it may have other rounds. Without it the training does not depend on them. */
  enterEpoch?(manifest: Manifest): void
  /**
   * What `evaluate` measures, whatever the round; for scores of contributions, which lack the model's measurements
   * without it.
   */
  readonly measure?: ((parameters: Float32Array) => Promise<Evaluation>) | undefined
  /**
   * Of runs with differential privacy: the chance of one of the node's samples to be in a step, in [0, 1]; 1 for noise on
   * updates. Counts as 1 where it is missing.
   */
  readonly samplingRate?: number | undefined
  /** The task's first metric on all test samples, for architectures of a common chain that compare models by it. */
  readonly score?: ((parameters: Float32Array) => Promise<number>) | undefined
}

export interface Evaluation {
  /** Mean loss. */
  readonly loss: number
  /** Value of the task's first metric. */
  readonly primary: number
}
