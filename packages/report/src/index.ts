export { writeMatrixReport } from './matrix-report.js'
export { writeScenarioReport } from './scenario-report.js'
