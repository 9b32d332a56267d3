import { createModelPool } from '../blobs/model-pool.js'
import type { BorrowedModel } from './network.js'

/** Models that the nodes of one process read in the same memory, each held while somebody borrows it. */
export interface SharedModels {
  /** Lends the model `cid`, whose bytes come from `read` unless somebody has it already. */
  borrow(cid: string, read: () => Promise<Uint8Array>): Promise<BorrowedModel>
}

interface Loan {
  readonly borrowed: Promise<BorrowedModel>
  borrowers: number
}

/** @param parameterCount length d of every model; `read` must give as many bytes as such a model has */
export function createSharedModels(parameterCount: number): SharedModels {
  const pool = createModelPool(parameterCount)
  const loans = new Map<string, Loan>()

  const lend = async (cid: string, read: () => Promise<Uint8Array>): Promise<BorrowedModel> => {
    const bytes = await read()
    const model = pool.take()
    model.bytes.set(bytes)
    return { model, sound: false, giveBack: () => release(cid) }
  }
  const release = (cid: string): void => {
    const loan = loans.get(cid) as Loan
    loan.borrowers--
    if (loan.borrowers > 0) return
    loans.delete(cid)
    // A loan that failed has no buffer.
    loan.borrowed.then(
      ({ model }) => pool.give(model),
      () => undefined,
    )
  }

  return {
    async borrow(cid, read) {
      const loan = loans.get(cid) ?? { borrowed: lend(cid, read), borrowers: 0 }
      loans.set(cid, loan)
      loan.borrowers++
      try {
        return await loan.borrowed
      } catch (error) {
        release(cid)
        throw error
      }
    },
  }
}
