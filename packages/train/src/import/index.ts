/** Models of other programs as tasks and as the parameters that a run begins with. */
export { readTaskModel } from './layers-model.js'
export { exportedModelIn, readModelParameters, requireLayout } from './model-parameters.js'
