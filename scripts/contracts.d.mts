export interface CompiledContract {
  readonly name: string
  readonly abi: import('viem').Abi
  readonly bytecode: `0x${string}`
}
/** Throws with the compiler's messages, warnings included. */
export function compileFolder(folder: string): readonly CompiledContract[]
export function buildContracts(): string
