import type { Matrix, MatrixGroup } from '@tempered/lab/measures'

/** Content of the `report.json` of a matrix. */
export interface MatrixSummary {
  readonly kind: 'tempered/matrix-report'
  /** Name of the lab. */
  readonly name: string
  readonly method: string
  readonly command: string
  readonly axes: Matrix['axes']
  readonly versions: Matrix['versions']
  readonly groups: readonly MatrixGroup[]
}
