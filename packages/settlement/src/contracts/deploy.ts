/** Deploys a set of contracts that refer to one another. */

import {
  type Abi,
  type Account,
  type Address,
  type Chain,
  getContractAddress,
  type Hex,
  type PublicClient,
  type Transport,
  type WalletClient,
} from 'viem'
import { openChain } from '../client/open-chain.js'
import { refusal } from '../client/refusal.js'
import { SettlementError } from '../errors.js'
import {
  JobEscrow,
  ModelRegistry,
  RewardManager,
  RunRegistry,
  SlashingManager,
  StakingRegistry,
  Treasury,
} from './artifacts.js'

/** Parameters of a set of contracts, fixed at deployment. */
export interface SettlementRules {
  /** Owner of the treasury, to which slashed stakes go. */
  readonly treasurer: Address
  /** In wei. */
  readonly minimumStake: bigint
  /** Delay between `unbond` and `withdraw`, in seconds; more than twice `appealSeconds`. */
  readonly unbondingSeconds: number
  readonly appealSeconds: number
  /** Share of the stake that a contradiction costs, in 1/10,000. */
  readonly contradictionShare: number
  /** Share of the slashed stake for the reporter of the evidence, in 1/10,000. */
  readonly bountyShare: number
  /** Share of a sale for those who trained the model, in 1/10,000. */
  readonly royalty: number
}

export const DEFAULT_RULES: Omit<SettlementRules, 'treasurer'> = {
  minimumStake: 10n ** 17n,
  unbondingSeconds: 14 * 86_400,
  appealSeconds: 3 * 86_400,
  contradictionShare: 10_000,
  bountyShare: 1_000,
  royalty: 500,
}

/** Addresses of a set of contracts. */
export interface SettlementContracts {
  readonly treasury: Address
  readonly runs: Address
  readonly rewards: Address
  readonly stakes: Address
  readonly slashing: Address
  readonly models: Address
  readonly escrow: Address
}

export interface Clients {
  readonly wallet: WalletClient<Transport, Chain, Account>
  readonly reader: PublicClient
}

/** Order of deployment: contracts refer to later ones by addresses that follow from the nonce. */
const ORDER = ['treasury', 'runs', 'rewards', 'stakes', 'slashing', 'models', 'escrow'] as const

/** Throws SettlementError E_REVERTED when a contract cannot be deployed. */
export async function deployContracts(
  clients: Clients,
  rules: SettlementRules,
): Promise<SettlementContracts> {
  const { wallet, reader } = clients
  const from = wallet.account.address
  const first = BigInt(await reader.getTransactionCount({ address: from }))
  const planned = Object.fromEntries(
    ORDER.map((name, k) => [name, getContractAddress({ from, nonce: first + BigInt(k) })]),
  ) as unknown as SettlementContracts
  const { treasury, runs, rewards, stakes, slashing, models, escrow } = planned
  const { appealSeconds, contradictionShare, bountyShare, minimumStake, unbondingSeconds, royalty } = rules
  const deploys: readonly Deployment[] = [
    [treasury, Treasury, [rules.treasurer]],
    [runs, RunRegistry, [escrow]],
    [rewards, RewardManager, []],
    [stakes, StakingRegistry, [slashing, escrow, minimumStake, BigInt(unbondingSeconds)]],
    [
      slashing,
      SlashingManager,
      [stakes, runs, treasury, contradictionShare, bountyShare, BigInt(appealSeconds)],
    ],
    [models, ModelRegistry, [escrow, BigInt(royalty)]],
    [escrow, JobEscrow, [stakes, runs, rewards, models]],
  ]
  for (const one of deploys) await deploy(clients, one)
  return planned
}

/** Deploys a set of contracts with the account of a key, which owns the treasury. Throws SettlementError. */
export async function deployAll(
  rpc: string,
  key: Hex,
  rules: Pick<SettlementRules, 'minimumStake' | 'unbondingSeconds' | 'appealSeconds'>,
) {
  const clients = await openChain(rpc, key)
  const fromBlock = await clients.reader.getBlockNumber()
  const contracts = await deployContracts(clients, {
    ...DEFAULT_RULES,
    ...rules,
    treasurer: clients.wallet.account.address,
  })
  return { chainId: clients.wallet.chain.id, fromBlock, contracts } as const
}

type Deployment = readonly [Address, { readonly abi: Abi; readonly bytecode: Hex }, readonly unknown[]]

async function deploy(
  { wallet, reader }: Clients,
  [address, { abi, bytecode }, args]: Deployment,
): Promise<void> {
  const hash = await wallet.deployContract({ abi, bytecode, args }).catch((error: unknown) => {
    throw refusal({ functionName: 'deploy' }, error, wallet.account.address)
  })
  const receipt = await reader.waitForTransactionReceipt({ hash })
  if (receipt.status === 'success' && receipt.contractAddress?.toLowerCase() === address.toLowerCase()) return
  throw new SettlementError('E_REVERTED', `contract deployment failed in transaction ${hash}`, { hash })
}
