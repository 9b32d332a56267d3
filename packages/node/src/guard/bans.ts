import { z } from 'zod'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import { readTextIfThere, writeFileAtomic } from '../files.js'
import type { Logger } from '../logger.js'
import type { PenaltyBudgets } from './budgets.js'
import { createRateLimiter } from './rate-limiter.js'

/**
 * Members that broke the protocol too often are kept away for a while, and longer each time. Only what a peer caused
 * itself may be counted here: never a message that it passed on for somebody else.
 */
export interface Bans {
  /** A peer has done what no honest node does. Returns true if that gets it banned. */
  fault(peer: string, code: string): boolean
  isBanned(peer: string): boolean
  /** Those that are banned at this moment. */
  list(): readonly Ban[]
}

export interface Ban {
  readonly peer: string
  /** Code of the last fault. */
  readonly code: string
  /** Milliseconds since 1970. */
  readonly until: number
  /** Bans of this peer so far, in a row. */
  readonly times: number
}

/** Keeps bans over restarts. */
export interface BanStore {
  load(): Promise<readonly Ban[]>
  save(bans: readonly Ban[]): Promise<void>
}

export const BANS_FILE = 'bans.json'
/** The most that a file may hold: one per member. */
const MOST_BANS = 16_384

const fileSchema = z
  .array(
    z.strictObject({
      peer: z.string().max(128),
      code: z.string().max(64),
      until: z.number(),
      times: z.int().min(1),
    }),
  )
  .max(MOST_BANS)

/** Bans in a file, written whole or not at all. */
export function createBanFile(path: string): BanStore {
  return {
    async load() {
      const text = await readTextIfThere(path)
      if (text === undefined) return []
      try {
        return fileSchema.parse(JSON.parse(text))
      } catch (error) {
        throw new NodeError(
          'E_STATE_CORRUPT',
          `${path} is damaged; restore it from a copy, or delete it to begin without bans: ${errorMessage(error)}`,
          { path },
          error,
        )
      }
    },
    save: (bans) => writeFileAtomic(path, `${JSON.stringify(bans, null, 2)}\n`),
  }
}

export const forgetfulBanStore: BanStore = { load: async () => [], save: async () => undefined }

export interface BansInit {
  readonly budgets: PenaltyBudgets
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>
  readonly store: BanStore
  readonly logger: Logger
  onBan(ban: Ban): void
}

/** Throws E_IO and E_STATE_CORRUPT when the stored bans cannot be read. */
export async function createBans({ budgets, clock, store, logger, onBan }: BansInit): Promise<Bans> {
  const faults = createRateLimiter(clock, budgets.faults)
  const bans = new Map<string, Ban>()
  /** On the monotonic clock: setting the other one neither ends a ban nor makes it longer. */
  const ends = new Map<string, number>()
  // A clock that was wrong when a ban was written must not make it last for years.
  const latest = clock.wallMs() + budgets.longestBanMs
  for (const loaded of await store.load()) {
    const ban = { ...loaded, until: Math.min(loaded.until, latest) }
    bans.set(ban.peer, ban)
    ends.set(ban.peer, clock.monotonicMs() + ban.until - clock.wallMs())
  }
  let saving = Promise.resolve()

  const isForgotten = (ban: Ban): boolean => clock.wallMs() > ban.until + budgets.forgottenAfterMs
  const isActive = ({ peer }: Ban): boolean => clock.monotonicMs() < (ends.get(peer) ?? 0)
  const save = (): void => {
    for (const ban of bans.values()) if (isForgotten(ban) && !isActive(ban)) bans.delete(ban.peer)
    const all = [...bans.values()]
    saving = saving
      .then(() => store.save(all))
      .catch((error) => logger.error({ err: error }, `bans could not be written: ${errorMessage(error)}`))
  }

  return {
    fault(peer, code) {
      if (faults.take(peer)) return false
      faults.forget(peer)
      const before = bans.get(peer)
      if (before !== undefined && isActive(before)) return false
      const times = before === undefined || isForgotten(before) ? 1 : before.times + 1
      const lasts = Math.min(budgets.longestBanMs, budgets.firstBanMs * 2 ** (times - 1))
      const ban = { peer, code, until: clock.wallMs() + lasts, times }
      bans.set(peer, ban)
      ends.set(peer, clock.monotonicMs() + lasts)
      save()
      onBan(ban)
      return true
    },
    isBanned(peer) {
      const ban = bans.get(peer)
      return ban !== undefined && isActive(ban)
    },
    list: () => [...bans.values()].filter(isActive),
  }
}
