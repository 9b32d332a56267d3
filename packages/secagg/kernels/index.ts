/** What `src/field/wasm-kernels.ts` calls. */
export { project } from './projections'
export { combine, evaluate, reduceRandom, squaredDistance } from './vectors'
