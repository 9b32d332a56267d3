/** A mistake in a document: its path, as keys and indices from the root, and a message for people. */
export interface Problem {
  readonly path: readonly (string | number)[]
  readonly message: string
}
