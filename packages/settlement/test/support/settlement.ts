import {
  type Abi,
  type Address,
  decodeEventLog,
  type Hex,
  keccak256,
  stringToHex,
  type TransactionReceipt,
} from 'viem'
import * as artifacts from '../../src/contracts/artifacts.js'
import { deployContracts, type SettlementContracts } from '../../src/contracts/deploy.js'
import { revertReason } from '../../src/contracts/revert-reason.js'
import { membershipData } from '../../src/typed-data.js'
import { hash, startChain, type TestChain, type TestChainInit, type Wallet } from './anvil.js'
import { receiptOf } from './receipt.js'

export const MINIMUM = 1_000n
export const RULES = {
  minimumStake: MINIMUM,
  unbondingSeconds: 1_000,
  appealSeconds: 400,
  contradictionShare: 5_000,
  bountyShare: 1_000,
  royalty: 500,
}

const ABIS = {
  treasury: artifacts.Treasury.abi,
  runs: artifacts.RunRegistry.abi,
  rewards: artifacts.RewardManager.abi,
  stakes: artifacts.StakingRegistry.abi,
  slashing: artifacts.SlashingManager.abi,
  models: artifacts.ModelRegistry.abi,
  escrow: artifacts.JobEscrow.abi,
} as const
type Name = keyof typeof ABIS

export interface Deployed {
  readonly chain: TestChain
  readonly contracts: SettlementContracts
  /** Account 0 deploys and owns the treasury. */
  readonly owner: Wallet
  /** Sends a call and waits for it. Rejects with the name of the contract's error. */
  send(
    wallet: Wallet,
    name: Name,
    call: string,
    args?: readonly unknown[],
    value?: bigint,
  ): Promise<TransactionReceipt>
  /** The same for any contract. */
  call(
    wallet: Wallet,
    contract: { readonly address: Address; readonly abi: Abi },
    functionName: string,
    args?: readonly unknown[],
    value?: bigint,
  ): Promise<TransactionReceipt>
  // biome-ignore lint/suspicious/noExplicitAny: what a contract returns has any shape
  read(name: Name, call: string, args?: readonly unknown[]): Promise<any>
  place(name: Name): { readonly chainId: number; readonly contract: Address }
}

/** A chain of its own with all contracts. */
export async function deployed(init: TestChainInit = {}): Promise<Deployed> {
  const chain = await startChain(init)
  const owner = chain.wallet(0)
  const contracts = await deployContracts(
    { wallet: owner, reader: chain.reader },
    { ...RULES, treasurer: owner.account.address },
  )
  /** Sends a call that the contract would take. Throws with the name of the contract's error, also when it comes later. */
  const sent: Deployed['call'] = async (wallet, { address, abi }, functionName, args = [], value = 0n) => {
    const { account } = wallet
    const gas = init.isFree ? { gasPrice: 0n } : {}
    const request = { address, abi, functionName, args, value, account, ...gas } as never
    const simulate = async () => (await chain.reader.simulateContract(request)).request as never
    try {
      for (let attempt = 1; ; attempt++) {
        const hash = await wallet.writeContract(await simulate())
        const receipt = await receiptOf(chain.reader, hash)
        if (receipt.status === 'success') return receipt
        // The block came a second later than the look before it; what was refused for that, or needed more gas, may do now.
        await simulate()
        if (attempt === 3)
          throw new Error(
            `${functionName} was refused in block ${receipt.blockNumber}, and would be taken now`,
          )
      }
    } catch (error) {
      const reason = revertReason(error) ?? (await simulate().then(() => undefined, revertReason))
      throw reason === undefined ? error : new Error(reason.name, { cause: error })
    }
  }
  return {
    chain,
    contracts,
    owner,
    send: (wallet, name, call, args = [], value = 0n) =>
      sent(wallet, { address: contracts[name], abi: ABIS[name] as Abi }, call, args, value),
    call: sent,
    async read(name, call, args = []) {
      return chain.reader.readContract({
        address: contracts[name],
        abi: ABIS[name] as never,
        functionName: call as never,
        args: args as never,
      })
    },
    place: (name) => ({ chainId: chain.chain.id, contract: contracts[name] }),
  }
}

const PEER_SIGNATURE = `0x${'5a'.repeat(64)}` as Hex

/** Registers accounts with stakes. */
export async function stakeAll(on: Deployed, wallets: readonly Wallet[], stake = MINIMUM): Promise<void> {
  for (const [k, wallet] of wallets.entries())
    await on.send(
      wallet,
      'stakes',
      'register',
      [`0x${(k + 1).toString(16).padStart(64, '0')}`, PEER_SIGNATURE],
      stake,
    )
}

/** Opens a run of these members; returns its number. */
export async function openRun(
  on: Deployed,
  run: Hex,
  wallets: readonly Wallet[],
  until?: number,
): Promise<Hex> {
  const args = await membershipOf(on, run, wallets, until)
  await on.send(on.owner, 'runs', 'open', args)
  return on.read('runs', 'idOf', [run, args[1]])
}

/** Arguments of `open`. */
export async function membershipOf(
  on: Deployed,
  run: Hex,
  wallets: readonly Wallet[],
  until?: number,
): Promise<readonly [Hex, Address[], bigint, Hex[]]> {
  const ordered = inOrder(wallets)
  const members = ordered.map(({ account }) => account.address)
  const end = until ?? (await on.chain.now()) + 1_000_000
  const signatures = await Promise.all(
    ordered.map((wallet) => wallet.signTypedData(membershipData(run, members, end, on.place('runs')))),
  )
  return [run, members, BigInt(end), signatures]
}

/** Where a user or a member can be reached. */
export const PLACE = '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGRUfh5fZ1nG8ZKGgGwGPCzQKcVkCcvX2aPZqVhdZx1NT'

/** Where a model's card is, and its hash. */
export const CARD = 'ipfs://card'
export const CARD_HASH = keccak256(stringToHex(CARD))

/** By their addresses, as contracts want members. */
export function inOrder(wallets: readonly Wallet[]): Wallet[] {
  return [...wallets].sort((a, b) => (BigInt(a.account.address) < BigInt(b.account.address) ? -1 : 1))
}

/** Terms of a job for three, with others in place of the usual ones. */
export async function jobTerms(on: Deployed, more: object = {}) {
  const now = await on.chain.now()
  return {
    task: hash('task'),
    metric: hash('accuracy'),
    target: 900_000n,
    lowerIsBetter: false,
    mostRounds: 10,
    members: 3,
    baseFee: 1_000n,
    roundFee: 7n,
    stake: MINIMUM,
    acceptUntil: BigInt(now + 1_000),
    settleUntil: BigInt(now + 5_000),
    ...more,
  }
}

/** What the usual terms cost. */
export const BUDGET = 1_000n + 10n * 7n

/** A job of a user with the usual terms but these; its number. */
export async function postedJob(
  on: Deployed,
  user: Wallet,
  more: object = {},
  budget = BUDGET,
): Promise<Hex> {
  return numberOf(await on.send(user, 'escrow', 'post', [await jobTerms(on, more), PLACE], budget))
}

/** The number of the job that was posted in a transaction. */
export function numberOf({ logs }: TransactionReceipt): Hex {
  for (const log of logs) {
    const { eventName, args } = decodeEventLog({ abi: artifacts.JobEscrow.abi, ...log })
    if (eventName === 'Posted') return args.id
  }
  throw new Error('nothing was posted')
}
