/**
 * Sends the transactions of one account, one after the other, and waits until enough blocks follow. It copes with an RPC
 * that does not answer, rising fees, reorganised blocks and stuck transactions. All transactions for a call have the same
 * nonce, so at most one of them is mined. Nothing is remembered over a restart: a transaction of an earlier process may
 * still be mined, so a caller reads the contracts before it sends again.
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
  /** Blocks that must follow the block of a transaction. Default 2. */
  readonly confirmations?: number
  /** Time after which a transaction that is not mined is resent with a higher fee, in ms. Default 60 s. */
  readonly stuckMs?: number
  /** Between two polls, in ms. Default 1 s. */
  readonly pollMs?: number
  /** Between attempts while the RPC does not answer, in ms: doubled each time, up to a minute. Default 1 s. */
  readonly retryMs?: number
  /** Maximum fee per gas in wei; while the chain asks for more, a transaction waits. Default 200 gwei. */
  readonly mostFeePerGas?: bigint
  /** Something is late or is being retried. */
  onTrouble?(what: string): void
  /** For tests. */
  sleep?(ms: number, signal: AbortSignal): Promise<void>
}

const GWEI = 10n ** 9n
const LONGEST_RETRY_MS = 60_000
/** Chains accept a replacement only for an eighth more. */
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
   * E_FUNDS for insufficient funds, E_RPC if the outbox is closed first.
   */
  send(call: Call): Promise<TransactionReceipt> {
    const result = this.last.then(() => this.carryOut(call))
    this.last = result.catch(() => undefined)
    return result
  }

  /** Stops waiting for what is not final; what was sent may still be mined. */
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

  /** Sends a transaction that is not mined, if it is time, and takes the next nonce if another transaction has used this one. */
  private async advance(sending: Sending): Promise<void> {
    if ((await this.nextNonce()) <= sending.nonce) {
      sending.missing = undefined
      if (sending.waitedMs >= this.init.stuckMs) await this.submit(sending)
      return
    }
    // An RPC may know the nonce before the receipt, or not know the receipt for a while.
    const newest = await this.newestBlock()
    sending.missing ??= { since: newest, waitedMs: sending.waitedMs }
    const { since, waitedMs } = sending.missing
    if (newest < since + BigInt(this.init.confirmations) || sending.waitedMs - waitedMs < this.init.stuckMs)
      return
    this.say('nonce already used by another transaction; resending with the next one')
    sending.nonce = await this.nextNonce()
    sending.missing = undefined
    sending.waitedMs = Number.POSITIVE_INFINITY
  }

  /** The gas that it needs, if the contract would accept it now. */
  private async check(call: Call): Promise<bigint> {
    const { reader, wallet } = this.client
    const request = { ...call, args: call.args ?? [], account: wallet.account } as never
    try {
      await this.asked('to simulate a call', () => reader.simulateContract(request))
      const gas = await this.asked('to estimate gas', () => reader.estimateContractGas(request))
      return (gas * 12n) / 10n
    } catch (error) {
      throw refusal(call, error, wallet.account.address)
    }
  }

  /** Signs and sends it, with a higher fee than the last time. */
  private async submit(sending: Sending): Promise<void> {
    const { reader, wallet } = this.client
    const { call, gas, nonce, hashes } = sending
    if (hashes.length > 0)
      this.say(`transaction not mined after ${this.init.stuckMs / 1000} s; resending with a higher fee`)
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
      await this.asked('to send a transaction', () =>
        reader.sendRawTransaction({ serializedTransaction: signed }),
      )
    } catch (error) {
      if (/nonce|already known|imported/i.test(allText(error))) return
      // An earlier transaction may still be mined, so no error of a replacement ends the call.
      if (isFirst && !/underpriced|base ?fee|fee too low|pool is full/i.test(allText(error)))
        throw refusal(call, error, wallet.account.address)
      this.say(`the RPC does not accept the transaction yet (${rpcText(error)}); retrying`)
    }
  }

  private nextNonce(): Promise<number> {
    const { reader, wallet } = this.client
    return this.asked('for the nonce of the account', () =>
      reader.getTransactionCount({ address: wallet.account.address }),
    )
  }

  private newestBlock(): Promise<bigint> {
    return this.asked('for the latest block', () => this.client.reader.getBlockNumber({ cacheTime: 0 }))
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
    const { maxFeePerGas, maxPriorityFeePerGas } = await this.asked('for current fees', () =>
      reader.estimateFeesPerGas(),
    )
    return { maxFeePerGas, maxPriorityFeePerGas }
  }

  /** Repeats a request until the RPC answers. Errors of the chain itself are thrown. */
  private async asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    for (let waitMs = this.init.retryMs; ; waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      this.throwIfClosed()
      try {
        return await ask()
      } catch (error) {
        if (!isAway(error)) throw error
        this.say(`the RPC did not answer a request ${what} (${rpcText(error)}); retrying`)
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
  /** Since it was last sent. */
  waitedMs: number
  /** Since when its nonce is used although no receipt is known: the newest block then. */
  missing: { readonly since: bigint; readonly waitedMs: number } | undefined
}

function successOf(receipt: TransactionReceipt): TransactionReceipt {
  const { status, transactionHash: hash, blockNumber } = receipt
  if (status === 'success') return receipt
  throw new SettlementError(
    'E_REVERTED',
    `transaction ${hash} was reverted in block ${blockNumber}: the state had changed since it was simulated`,
    { hash },
  )
}

interface Fees {
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** The current fees, at least an eighth above those offered before, and at most `most`. */
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

/** Whether an error of viem means that the RPC did not answer, or gave no usable answer. */
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
