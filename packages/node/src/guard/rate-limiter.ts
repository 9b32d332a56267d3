import type { Clock } from '../clock.js'
import type { Rate } from './budgets.js'

/** Token buckets by key: `rate.burst` at once, and `rate.perSecond` more each second. */
export interface RateLimiter {
  /** Takes `count` tokens if there are as many. */
  take(key: string, count?: number): boolean
  /**
   * Takes `count` tokens in any case. Returns the milliseconds until the debt is paid, 0 if there is none: how long
   * the caller should wait before it takes more.
   */
  borrow(key: string, count?: number): number
  forget(key: string): void
}

interface Bucket {
  tokens: number
  /** `monotonicMs` of the last refill. */
  at: number
}

/** Buckets that are kept; of more, those that are full are dropped: a new one is full as well. */
const SWEEP_ABOVE = 4_096

export function createRateLimiter(clock: Pick<Clock, 'monotonicMs'>, rate: Rate): RateLimiter {
  const buckets = new Map<string, Bucket>()
  const refill = (bucket: Bucket, now: number): void => {
    bucket.tokens = Math.min(rate.burst, bucket.tokens + ((now - bucket.at) * rate.perSecond) / 1000)
    bucket.at = now
  }
  const sweep = (now: number): void => {
    for (const [key, bucket] of buckets) {
      refill(bucket, now)
      if (bucket.tokens >= rate.burst) buckets.delete(key)
    }
  }
  const bucketOf = (key: string): Bucket => {
    const now = clock.monotonicMs()
    const known = buckets.get(key)
    if (known !== undefined) {
      refill(known, now)
      return known
    }
    if (buckets.size >= SWEEP_ABOVE) sweep(now)
    const bucket = { tokens: rate.burst, at: now }
    buckets.set(key, bucket)
    return bucket
  }
  return {
    take(key, count = 1) {
      const bucket = bucketOf(key)
      if (bucket.tokens < count) return false
      bucket.tokens -= count
      return true
    },
    borrow(key, count = 1) {
      const bucket = bucketOf(key)
      bucket.tokens -= count
      return bucket.tokens >= 0 ? 0 : (-bucket.tokens / rate.perSecond) * 1000
    },
    forget: (key) => void buckets.delete(key),
  }
}
