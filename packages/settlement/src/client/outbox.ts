/**
 * Transactions of one account, one after the other, until enough blocks follow. An RPC that is away, fees that rise, blocks
 * that are reorganised and transactions that hang are waited for or replaced. All that is sent for a call has one number of
 * the account, of which a chain takes one transaction: none is done twice. Nothing is remembered over a restart: what an
 * earlier process has sent may still come into a block, so a caller looks at the contracts before it asks again.
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
import type { SettlementClient } from './open-client.js'
import { rpcText } from './plain-errors.js'
import { allText, refusal } from './refusal.js'

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
  /** The most wei per gas that is offered; while the chain wants more a transaction waits. Default 200 gwei. */
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
    const sending: Sending = {
      call,
      gas: await this.check(call),
      nonce: await this.nextNonce(),
      hashes: [],
      fees: undefined,
      waitedMs: Number.POSITIVE_INFINITY,
      missing: undefined,
    }
    for (;;) {
      const receipt = await this.receiptOf(sending.hashes)
      if (receipt === undefined) await this.advance(sending)
      else if (await this.isFinal(receipt)) return successOf(receipt)
      await this.init.sleep(this.init.pollMs, this.controller.signal)
      this.throwIfClosed()
      sending.waitedMs += this.init.pollMs
    }
  }

  /** Sends a transaction that is in no block, if it is time, and takes another number if somebody else has used this one. */
  private async advance(sending: Sending): Promise<void> {
    if ((await this.nextNonce()) <= sending.nonce) {
      sending.missing = undefined
      if (sending.waitedMs >= this.init.stuckMs) await this.submit(sending)
      return
    }
    // An RPC may know the number before the receipt, or not know the receipt for a while.
    const newest = await this.newestBlock()
    sending.missing ??= { since: newest, waitedMs: sending.waitedMs }
    const { since, waitedMs } = sending.missing
    if (newest < since + BigInt(this.init.confirmations) || sending.waitedMs - waitedMs < this.init.stuckMs)
      return
    this.say('another transaction has used the number of this one; sending it with the next')
    sending.nonce = await this.nextNonce()
    sending.missing = undefined
    sending.waitedMs = Number.POSITIVE_INFINITY
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

  /** Signs and sends it, for more than the last time. */
  private async submit(sending: Sending): Promise<void> {
    const { reader, wallet } = this.client
    const { call, gas, nonce, hashes } = sending
    if (hashes.length > 0)
      this.say(`a transaction is in no block after ${this.init.stuckMs / 1000} s; sending it for more`)
    sending.fees = raised(await this.fees(), sending.fees, this.init.mostFeePerGas)
    sending.waitedMs = 0
    const data = encodeFunctionData({
      abi: call.abi,
      functionName: call.functionName,
      args: call.args ?? [],
    } as never)
    const { chain } = wallet
    const signed = await wallet.signTransaction({
      ...{ account: wallet.account, chain, type: 'eip1559', chainId: chain.id },
      ...{ to: call.address, data, value: call.value ?? 0n, nonce, gas, ...sending.fees },
    } as never)
    const isFirst = hashes.length === 0
    // Noted before it is sent: it may arrive although the answer is lost.
    hashes.push(keccak256(signed))
    try {
      await this.asked('to take a transaction', () =>
        reader.sendRawTransaction({ serializedTransaction: signed }),
      )
    } catch (error) {
      if (/nonce|already known|imported/i.test(allText(error))) return
      // What was sent before may still be done, so nothing that a replacement runs into ends the call.
      if (isFirst && !/underpriced|base ?fee|fee too low|pool is full/i.test(allText(error)))
        throw refusal(call, error)
      this.say(`the RPC does not take a transaction yet (${rpcText(error)}); trying again`)
    }
  }

  private nextNonce(): Promise<number> {
    const { reader, wallet } = this.client
    return this.asked('for the next number of the account', () =>
      reader.getTransactionCount({ address: wallet.account.address }),
    )
  }

  private newestBlock(): Promise<bigint> {
    return this.asked('for the newest block', () => this.client.reader.getBlockNumber({ cacheTime: 0 }))
  }

  private async isFinal({ blockNumber }: TransactionReceipt): Promise<boolean> {
    return (await this.newestBlock()) >= blockNumber + BigInt(this.init.confirmations)
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

/** A call on its way. */
interface Sending {
  readonly call: Call
  readonly gas: bigint
  nonce: number
  /** Of all transactions that were signed for it. */
  readonly hashes: Hex[]
  fees: Fees | undefined
  /** Since it was sent the last time. */
  waitedMs: number
  /** Since when its number is used although no receipt is known: the newest block then. */
  missing: { readonly since: bigint; readonly waitedMs: number } | undefined
}

function successOf(receipt: TransactionReceipt): TransactionReceipt {
  const { status, transactionHash: hash, blockNumber } = receipt
  if (status === 'success') return receipt
  throw new SettlementError(
    'E_REVERTED',
    `transaction ${hash} was refused in block ${blockNumber}: the chain had changed since it was checked`,
    { hash },
  )
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
  if (/insufficient funds|exceeds the balance/i.test(allText(error))) return false
  for (
    let one = error as { name?: string; cause?: unknown } | undefined;
    one !== undefined && one !== null;
  ) {
    if (AWAY.has(one.name ?? '') && revertReason(error) === undefined) return true
    one = one.cause as typeof one
  }
  return false
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
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
