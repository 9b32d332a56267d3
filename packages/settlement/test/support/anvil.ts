/** A chain of its own for each test file: anvil on a free port of loopback. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  type Account,
  type Address,
  type Chain,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  type PublicClient,
  type TestClient,
  type Transport,
  type WalletClient,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

/** Anvil's own, known to everybody. */
export const MNEMONIC = 'test test test test test test test test test test test junk'
const EMPTY_HASH = '0x' as Hex

export type Wallet = WalletClient<Transport, Chain, Account>

export interface TestChain {
  readonly chain: Chain
  readonly url: string
  readonly reader: PublicClient
  readonly control: TestClient
  /** Each has 10,000 coins. */
  wallet(index: number): Wallet
  /** Moves the chain's clock on and makes a block. */
  pass(seconds: number): Promise<void>
  /** Seconds since 1970, of the newest block. */
  now(): Promise<number>
  balance(address: Address): Promise<bigint>
  stop(): Promise<void>
}

/** The program of this platform, which the registry's package brings along. */
function anvilProgram(): string {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('@foundry-rs/anvil/package.json'))
  const inner = createRequire(join(folder, 'package.json'))
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  return inner.resolve(`@foundry-rs/anvil-${process.platform}-${arch}/bin/anvil`)
}

export interface TestChainInit {
  readonly accounts?: number
  readonly chainId?: number
  /** Gas costs nothing, so that sums come out. */
  readonly isFree?: boolean
}

export async function startChain(init: TestChainInit = {}): Promise<TestChain> {
  const { accounts = 12, chainId = 31_337, isFree = false } = init
  const child = spawn(
    anvilProgram(),
    [
      ...[
        '--host',
        '127.0.0.1',
        '--port',
        '0',
        '--accounts',
        String(accounts),
        '--chain-id',
        String(chainId),
      ],
      ...(isFree ? ['--base-fee', '0', '--gas-price', '0'] : []),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await listening(child)
  const chain = defineChain({
    id: chainId,
    name: 'anvil',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const transport = http(url)
  const options = { chain, transport, pollingInterval: 20 } as const
  const reader = createPublicClient(options) as PublicClient
  const control = createTestClient({ ...options, mode: 'anvil' })
  return {
    chain,
    url,
    reader,
    control,
    wallet: (index) =>
      createWalletClient({ ...options, account: mnemonicToAccount(MNEMONIC, { addressIndex: index }) }),
    async pass(seconds) {
      await control.increaseTime({ seconds })
      await control.mine({ blocks: 1 })
    },
    now: async () => Number((await reader.getBlock()).timestamp),
    balance: (address) => reader.getBalance({ address }),
    async stop() {
      child.kill()
      await ended
    },
  }
}

async function listening(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = /^Listening on (\S+)$/.exec(line)
    if (found === null) continue
    // What follows must not fill the pipe.
    child.stdout!.resume()
    return `http://${found[1]}`
  }
  throw new Error('anvil ended before it listened')
}

/** 32 bytes that stand for a hash. */
export function hash(text: string): Hex {
  return `${EMPTY_HASH}${Buffer.from(text.padEnd(32, '.')).toString('hex').slice(0, 64)}`
}
