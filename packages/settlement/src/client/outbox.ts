/**
 * Transactions of one account, one after the other, until they are final. An RPC that is away, fees that rise, blocks that
 * are reorganised and transactions of an earlier process that hang are waited for or replaced; nothing else waits for it.
 */

import {
  type Abi,
  type Address,
  encodeFunctionData,
  type Hex,
  keccak256,
  type TransactionReceipt,
} from 'viem'
import { revertReason } from '../contracts/revert-reason.js'
import { SettlementError } from '../errors.js'
import { rpcText, type SettlementClient } from './open-client.js'

export interface Call {
  readonly address: Address
  readonly abi: Abi
  readonly functionName: string
  readonly args?: readonly unknown[]
  /** In wei. */
  readonly value?: bigint
}

export interface OutboxInit {
  /** Blocks that must follow the one that a transaction is in. Default 2. */
  readonly confirmations?: number
  /** After how long without a block a transaction is sent again for higher fees, in ms. Default 60 s. */
  readonly stuckMs?: number
  /** Between two looks, in ms. Default 1 s. */
  readonly pollMs?: number
  /** Between attempts while the RPC is away, in ms: twice as long each time, up to a minute. Default 1 s. */
  readonly retryMs?: number
  /** The most wei per gas that is offered; a transaction waits until the chain takes that. Default 200 gwei. */
  readonly mostFeePerGas?: bigint
  /** Something is late or was tried again. */
  onTrouble?(what: string): void
  /** For tests. */
  sleep?(ms: number, signal: AbortSignal): Promise<void>
}

const GWEI = 10n ** 9n
const LONGEST_RETRY_MS = 60_000
/** Chains take a replacement only for an eighth more. */
const RAISE = { of: 8n, by: 1n } as const

export class Outbox {
  private readonly client: SettlementClient
  private readonly init: Required<Omit<OutboxInit, 'onTrouble'>> & Pick<OutboxInit, 'onTrouble'>
  private readonly controller = new AbortController()
  private last: Promise<unknown> = Promise.resolve()

  constructor(client: SettlementClient, init: OutboxInit = {}) {
    this.client = client
    this.init = {
      confirmations: 2,
      stuckMs: 60_000,
      pollMs: 1_000,
      retryMs: 1_000,
      mostFeePerGas: 200n * GWEI,
      sleep: pause,
      ...init,
    }
  }

  /**
   * Resolves with the receipt once it is final. Rejects with SettlementError: E_REVERTED with the contract's reason,
   * E_FUNDS when the account cannot pay, E_RPC when the outbox is closed before.
   */
  send(call: Call): Promise<TransactionReceipt> {
    const result = this.last.then(() => this.carryOut(call))
    this.last = result.catch(() => undefined)
    return result
  }

  /** Whatever is not final is given up; what was sent may still come into a block. */
  close(): void {
    this.controller.abort()
  }

  private async carryOut(call: Call): Promise<TransactionReceipt> {
    const gas = await this.check(call)
    for (;;) {
      const nonce = await this.asked('the next number of the account', () =>
        this.client.reader.getTransactionCount({ address: this.client.wallet.account.address }),
      )
      const hashes = await this.sendUntilMined(call, nonce, gas)
      const receipt = hashes === undefined ? undefined : await this.finalReceipt(hashes)
      if (receipt !== undefined) return receipt
      this.say('a block with a transaction was reorganised; sending it again')
    }
  }

  /** What it needs of gas, if the contract would take it now. */
  private async check(call: Call): Promise<bigint> {
    const { reader, wallet } = this.client
    const request = { ...call, args: call.args ?? [], account: wallet.account } as never
    try {
      await this.asked('whether the contract takes a call', () => reader.simulateContract(request))
      const gas = await this.asked('what a call costs', () => reader.estimateContractGas(request))
      return (gas * 12n) / 10n
    } catch (error) {
      throw refusal(call, error)
    }
  }

  /** Sends it with this number, for more and more, until the number is used. Returns all hashes it was sent with. */
  private async sendUntilMined(call: Call, nonce: number, gas: bigint): Promise<Hex[] | undefined> {
    const { reader, wallet } = this.client
    const data = encodeFunctionData({
      abi: call.abi,
      functionName: call.functionName,
      args: call.args ?? [],
    } as never)
    const hashes: Hex[] = []
    let fees: Fees | undefined
    for (;;) {
      fees = raised(await this.fees(), fees, this.init.mostFeePerGas)
      const { chain } = wallet
      const signed = await wallet.signTransaction({
        ...{ account: wallet.account, chain, type: 'eip1559', chainId: chain.id },
        ...{ to: call.address, data, value: call.value ?? 0n, nonce, gas, ...fees },
      } as never)
      // Noted before it is sent: it may arrive although the answer is lost.
      hashes.push(keccak256(signed))
      await this.asked('to take a transaction', () =>
        reader.sendRawTransaction({ serializedTransaction: signed }).catch((error: unknown) => {
          // An earlier one has come into a block meanwhile, or this very one is known.
          if (!/nonce|already known|underpriced|imported/i.test(allText(error))) throw error
        }),
      )
      for (let waited = 0; waited < this.init.stuckMs; waited += this.init.pollMs) {
        const used = await this.asked('how far the account is', () =>
          reader.getTransactionCount({ address: wallet.account.address }),
        )
        if (used > nonce) return hashes
        await this.init.sleep(this.init.pollMs, this.controller.signal)
        this.throwIfClosed()
      }
      this.say(`a transaction is in no block after ${this.init.stuckMs / 1000} s; sending it for more`)
    }
  }

  /** The receipt, once enough blocks follow; undefined when none of the hashes is part of the chain. */
  private async finalReceipt(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    for (;;) {
      const receipt = await this.receiptOf(hashes)
      if (receipt === undefined) return undefined
      const newest = await this.asked('for the newest block', () =>
        this.client.reader.getBlockNumber({ cacheTime: 0 }),
      )
      if (newest >= receipt.blockNumber + BigInt(this.init.confirmations)) {
        if (receipt.status === 'success') return receipt
        throw new SettlementError(
          'E_REVERTED',
          `transaction ${receipt.transactionHash} was refused in block ${receipt.blockNumber}: the chain had changed since it was checked`,
          { hash: receipt.transactionHash },
        )
      }
      await this.init.sleep(this.init.pollMs, this.controller.signal)
      this.throwIfClosed()
    }
  }

  private async receiptOf(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    for (const hash of hashes) {
      const receipt = await this.asked('for a receipt', () =>
        this.client.reader.getTransactionReceipt({ hash }).catch((error: unknown) => {
          if ((error as Error).name === 'TransactionReceiptNotFoundError') return undefined
          throw error
        }),
      )
      if (receipt !== undefined) return receipt
    }
    return undefined
  }

  private async fees(): Promise<Fees> {
    const { reader } = this.client
    const { maxFeePerGas, maxPriorityFeePerGas } = await this.asked('for the fees of today', () =>
      reader.estimateFeesPerGas(),
    )
    return { maxFeePerGas, maxPriorityFeePerGas }
  }

  /** Asks the RPC until it answers. What the chain itself refuses is thrown. */
  private async asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    for (let waitMs = this.init.retryMs; ; waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      this.throwIfClosed()
      try {
        return await ask()
      } catch (error) {
        if (!isAway(error)) throw error
        this.say(`the RPC does not answer, asked ${what} (${rpcText(error)}); trying again`)
        await this.init.sleep(waitMs, this.controller.signal)
      }
    }
  }

  private say(what: string): void {
    this.init.onTrouble?.(what)
  }

  private throwIfClosed(): void {
    if (this.controller.signal.aborted) throw new SettlementError('E_RPC', 'settlement was stopped')
  }
}

interface Fees {
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** The fees of today, but an eighth above those that were offered before, and at most `most`. */
function raised(today: Fees, before: Fees | undefined, most: bigint): Fees {
  const higher = (now: bigint, then: bigint | undefined): bigint => {
    const least = then === undefined ? 0n : then + then / RAISE.of + RAISE.by
    const wanted = now > least ? now : least
    return wanted < most ? wanted : most
  }
  return {
    maxFeePerGas: higher(today.maxFeePerGas, before?.maxFeePerGas),
    maxPriorityFeePerGas: higher(today.maxPriorityFeePerGas, before?.maxPriorityFeePerGas),
  }
}

const AWAY = new Set([
  'HttpRequestError',
  'TimeoutError',
  'SocketClosedError',
  'InternalRpcError',
  'LimitExceededRpcError',
])

/** Whether an error of viem means that nobody has answered, or not to the point. */
function isAway(error: unknown): boolean {
  for (
    let one = error as { name?: string; cause?: unknown } | undefined;
    one !== undefined && one !== null;
  ) {
    if (AWAY.has(one.name ?? '') && revertReason(error) === undefined) return true
    one = one.cause as typeof one
  }
  return false
}

function allText(error: unknown): string {
  const texts: string[] = []
  for (let one = error as { message?: string; details?: string; cause?: unknown } | undefined; one; ) {
    texts.push(one.message ?? '', one.details ?? '')
    one = one.cause as typeof one
  }
  return texts.join('\n')
}

function refusal({ functionName }: Call, error: unknown): unknown {
  const reason = revertReason(error)
  if (reason !== undefined) {
    const args = reason.args.length === 0 ? '' : ` (${reason.args.map(String).join(', ')})`
    return new SettlementError(
      'E_REVERTED',
      `the contract refuses ${functionName}: ${reason.name}${args}`,
      { call: functionName, reason: reason.name },
      error,
    )
  }
  if (/insufficient funds|exceeds the balance/i.test(allText(error)))
    return new SettlementError(
      'E_FUNDS',
      `the account cannot pay for ${functionName} and its fees; send it coins`,
      { call: functionName },
      error,
    )
  return error
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
