import type { StreamBudgets } from './budgets.js'

/** Memory for bytes that have come in on streams and that nobody has read yet. */
export interface UnreadAllowance {
  /**
   * `too-much`: more than this peer may send; `full`: all peers together have used up what there is. Nothing is taken
   * then.
   */
  take(bytes: number): 'taken' | 'too-much' | 'full'
  giveBack(bytes: number): void
}

export interface UnreadBytes {
  /** The allowance of one peer, over all of its streams. */
  of(peer: string): UnreadAllowance
  readonly total: number
}

type UnreadBudgets = Pick<StreamBudgets, 'unreadPerMember' | 'unreadPerStranger' | 'unreadInTotal'>

export function createUnreadBytes(budgets: UnreadBudgets, isMember: (peer: string) => boolean): UnreadBytes {
  const byPeer = new Map<string, number>()
  let total = 0
  return {
    of: (peer) => ({
      take(bytes) {
        const most = isMember(peer) ? budgets.unreadPerMember : budgets.unreadPerStranger
        const held = byPeer.get(peer) ?? 0
        if (held + bytes > most) return 'too-much'
        if (total + bytes > budgets.unreadInTotal) return 'full'
        byPeer.set(peer, held + bytes)
        total += bytes
        return 'taken'
      },
      giveBack(bytes) {
        const held = (byPeer.get(peer) ?? 0) - bytes
        if (held > 0) byPeer.set(peer, held)
        else byPeer.delete(peer)
        total -= bytes
      },
    }),
    get total() {
      return total
    },
  }
}
