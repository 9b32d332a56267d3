/** Numbers of the activations, as in ACTIVATION_CODES of `src/engine/wasm/kernels.ts`. */
export const LINEAR: i32 = 0
export const RELU: i32 = 1
export const LEAKY_RELU: i32 = 2
export const GELU: i32 = 3
export const SILU: i32 = 4
export const TANH: i32 = 5
export const SIGMOID: i32 = 6
