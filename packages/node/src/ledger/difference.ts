/** The first difference, in the order of the entry. */
export interface Difference {
  /** The field of the entry, e.g. `neighbours.2.accepted` or `aggregate`. */
  readonly field: string
  /** Peer id, for a field about a neighbour. */
  readonly peer?: string
  /** Index of the first parameter that differs, for models. */
  readonly coordinate?: number
  readonly recorded: string
  readonly computed: string
}
