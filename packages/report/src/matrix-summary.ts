import type { Matrix, MatrixGroup } from '@tempered/lab/measures'
import type { Metric } from '@tempered/train'

/** Content of the `report.json` of a matrix. */
export interface MatrixSummary {
  readonly kind: 'tempered/matrix-report'
  /** Name of the lab. */
  readonly name: string
  readonly method: string
  readonly command: string
  /** By which nodes are judged; missing where it is accuracy. */
  readonly metric?: Metric
  readonly axes: Matrix['axes']
  readonly versions: Matrix['versions']
  readonly groups: readonly MatrixGroup[]
}
