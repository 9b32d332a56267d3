/**
 * Reports of runs and matrices.
 *
 * @packageDocumentation
 * @example
 * await writeScenarioReport('runs/sign-flip-20261128-120000')
 */

export { writeMatrixReport } from './matrix-report.js'
export { writeScenarioReport } from './scenario-report.js'
