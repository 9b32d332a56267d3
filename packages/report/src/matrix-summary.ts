import type { Matrix, MatrixGroup } from '@tempered/lab/measures'

/** What `report.json` of a matrix holds. */
export interface MatrixSummary {
  readonly kind: 'tempered/matrix-report'
  /** Of the lab. */
  readonly name: string
  readonly method: string
  readonly command: string
  readonly axes: Matrix['axes']
  readonly versions: Matrix['versions']
  readonly groups: readonly MatrixGroup[]
}
