import type * as TfCore from '@tensorflow/tfjs-core'

/** The tfjs-core namespace, of the copy that the chosen backend is registered with. */
export type Tf = typeof TfCore
