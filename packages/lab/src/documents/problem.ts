/** A mistake in a document: where, as keys and indices from its root, and what, for people. */
export interface Problem {
  readonly path: readonly (string | number)[]
  readonly message: string
}
