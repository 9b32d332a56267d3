import { fileURLToPath } from 'node:url'
import type { Address, Hex } from 'viem'
import { type CompiledContract, compileFolder } from '../../../../scripts/contracts.mjs'
import { receiptOf } from './receipt.js'
import type { Deployed } from './settlement.js'

const FOLDER = fileURLToPath(new URL('./solidity', import.meta.url))

/** A contract that calls back into `target` when it is paid. */
export async function reenterer({ owner, chain }: Pick<Deployed, 'owner' | 'chain'>, target: Address) {
  const compiled = compileFolder(FOLDER).find(({ name }) => name === 'Reenterer') as CompiledContract
  const created = await owner.deployContract({ ...compiled, args: [target] })
  const { contractAddress } = await receiptOf(chain.reader, created)
  const at = { address: contractAddress!, abi: compiled.abi } as const
  const write = async (functionName: string, args: readonly unknown[], value = 0n): Promise<void> => {
    const sent = await owner.writeContract({ ...at, functionName, args, value })
    const { status } = await receiptOf(chain.reader, sent)
    if (status !== 'success') throw new Error(`${functionName} reverted`)
  }
  return {
    address: contractAddress!,
    prepare: (call: Hex) => write('prepare', [call]),
    run: (to: Address, call: Hex, value = 0n) => write('run', [to, call, value].slice(0, 2), value),
    read: (functionName: string) => chain.reader.readContract({ ...at, functionName }),
  }
}
