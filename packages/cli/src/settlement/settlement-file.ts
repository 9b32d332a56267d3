import { loadDocument } from '@tempered/lab/documents'
import { isAddress } from '@tempered/protocol'
import type { SettlementContracts } from '@tempered/settlement'
import { z } from 'zod'

const addressField = z
  .string()
  .refine(isAddress, { error: 'must be an address with the checksum of EIP-55 in its case (0x…)' })

/** Where a set of contracts is: what `tempered settlement deploy` writes. */
const settlementFileSchema = z.strictObject({
  kind: z.literal('tempered/settlement'),
  version: z.literal(1),
  chainId: z.int().min(1),
  /** The block before the first of them was deployed: nothing of interest is older. */
  fromBlock: z.int().min(0),
  contracts: z.strictObject({
    treasury: addressField,
    runs: addressField,
    rewards: addressField,
    stakes: addressField,
    slashing: addressField,
    models: addressField,
    escrow: addressField,
  }),
})

export interface SettlementPlace {
  readonly chainId: number
  readonly fromBlock: bigint
  readonly contracts: SettlementContracts
}

/** Throws E_FILE, E_CONFIG. */
export async function loadSettlementFile(path: string): Promise<SettlementPlace> {
  const { chainId, fromBlock, contracts } = await loadDocument(path, settlementFileSchema)
  return { chainId, fromBlock: BigInt(fromBlock), contracts: contracts as SettlementContracts }
}

export function settlementFileText({ chainId, fromBlock, contracts }: SettlementPlace): string {
  const { treasury, runs, rewards, stakes, slashing, models, escrow } = contracts
  const document: z.input<typeof settlementFileSchema> = {
    kind: 'tempered/settlement',
    version: 1,
    chainId,
    fromBlock: Number(fromBlock),
    contracts: { treasury, runs, rewards, stakes, slashing, models, escrow },
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
