import { loadDocument } from '@tempered/lab/documents'
import { isAddress } from '@tempered/protocol'
import type { SettlementContracts } from '@tempered/settlement'
import { z } from 'zod'
import { CliError } from '../errors.js'

const KIND = 'tempered/settlement'

const addressField = z
  .string()
  .refine(isAddress, { error: 'must be an address with a valid EIP-55 checksum (0x…)' })

/** Where a set of contracts is: what `tempered settlement deploy` writes. */
const settlementFileSchema = z.strictObject({
  kind: z.literal(KIND),
  version: z.literal(1),
  chainId: z.int().min(1),
  /** The block before the first of them was deployed: no event is older. */
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
  const { chainId, fromBlock, contracts } = await loadDocument(path, settlementFileSchema, {
    async prepare(raw) {
      if ((raw as { kind?: unknown } | null)?.kind !== KIND)
        throw new CliError('E_CONFIG', `${path}: not a file written by \`settlement deploy\``, { path })
      return { value: raw, problems: [] }
    },
  })
  return { chainId, fromBlock: BigInt(fromBlock), contracts: contracts as SettlementContracts }
}

export function settlementFileText({ chainId, fromBlock, contracts }: SettlementPlace): string {
  const { treasury, runs, rewards, stakes, slashing, models, escrow } = contracts
  const document: z.input<typeof settlementFileSchema> = {
    kind: KIND,
    version: 1,
    chainId,
    fromBlock: Number(fromBlock),
    contracts: { treasury, runs, rewards, stakes, slashing, models, escrow },
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
