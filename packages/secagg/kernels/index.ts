/** What `src/field/wasm-kernels.ts` calls. */
export { project } from './projections'
export { add, combine, dot, multiply, reduceRandom, squaredDistance } from './vectors'
