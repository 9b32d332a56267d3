import { setTimeout as pause } from 'node:timers/promises'
import { type Hex, type PublicClient, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem'

/**
 * The receipt of a transaction, however long that takes. viem waits for the next block after its first look, which never
 * comes on a chain that makes blocks only for transactions.
 */
export async function receiptOf(
  reader: Pick<PublicClient, 'getTransactionReceipt'>,
  hash: Hex,
): Promise<TransactionReceipt> {
  for (;;) {
    try {
      return await reader.getTransactionReceipt({ hash })
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) throw error
      await pause(20)
    }
  }
}
