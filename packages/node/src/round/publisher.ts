/**
 * What a node announces as its model of a round. The default announces the trained model; an injected publisher can
 * announce something else without changing anything around it.
 */
export interface ModelPublisher {
  /**
   * @param trained the locally trained parameters, length d; not to be written to
   * @param start the parameters this round's training began with, length d; not to be written to
   * @returns the parameters to announce: `trained` itself, or others of the same length
   */
  prepare(round: number, trained: Float32Array, start: Float32Array): Promise<Float32Array>
}

export const plainPublisher: ModelPublisher = { prepare: async (_round, trained) => trained }
