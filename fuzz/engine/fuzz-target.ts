import { judge } from './judge.js'
import { noise } from './mutate-bytes.js'
import { Random } from './random.js'
import { readSeeds } from './seed-files.js'
import type { Target } from './target.js'

export interface FuzzInit {
  readonly name: string
  readonly target: Target
  readonly seed: number
  readonly cases: number
  /** Ends earlier when so much time is over. */
  readonly mostSeconds?: number | undefined
  /** Failures after which it ends; 25 unless given. */
  readonly mostFailures?: number
  /** Whether the kept inputs come first. */
  readonly replays?: boolean
  /** Called before each case, for a watch over those that never return. */
  onCase?(from: string, input: Uint8Array): void
}

export interface Failure {
  /** What was given: a case of the seed, or the name of a kept input. */
  readonly from: string
  readonly what: string
  readonly input: Uint8Array
}

export interface FuzzReport {
  readonly name: string
  readonly cases: number
  readonly accepted: number
  /** How many inputs were refused with each code. */
  readonly refused: ReadonlyMap<string, number>
  readonly failures: readonly Failure[]
  readonly worstMs: number
  readonly seconds: number
}

/** Inputs that are given together. */
const BATCH = 25

interface Given {
  readonly input: Uint8Array
  readonly from: string
  /** It must be accepted. */
  readonly isValid: boolean
}

/** Valid inputs that are changed; making one may cost signatures. */
const POOL = 24

/** Gives a target one input after the other: the kept ones, then cases that follow from the seed. */
export async function fuzzTarget(init: FuzzInit): Promise<FuzzReport> {
  const { name, target, seed, cases, mostSeconds = Number.POSITIVE_INFINITY, mostFailures = BATCH } = init
  const began = performance.now()
  const batchSize = Math.min(BATCH, mostFailures)
  const refused = new Map<string, number>()
  const failures: Failure[] = []
  let accepted = 0
  let worstMs = 0
  let given = 0

  const give = async (batch: readonly Given[]): Promise<void> => {
    const outcomes = await judge(
      target,
      batch.map(({ input }) => input),
      (index) => init.onCase?.(batch[index]!.from, batch[index]!.input),
    )
    for (const [k, { code, failure, ms }] of outcomes.entries()) {
      const { from, input, isValid } = batch[k]!
      given += 1
      worstMs = Math.max(worstMs, ms)
      if (failure !== undefined) failures.push({ from, what: failure, input })
      else if (code === undefined) accepted += 1
      else {
        refused.set(code, (refused.get(code) ?? 0) + 1)
        if (isValid) failures.push({ from, what: `refused a valid input with ${code}`, input })
      }
    }
  }

  if (init.replays !== false)
    await give(
      (await readSeeds(name)).map((kept) => ({ input: kept.bytes, from: kept.name, isValid: false })),
    )
  const pool = await validInputs(name, target, seed)
  for (let index = 0; index < cases && failures.length < mostFailures; index += batchSize) {
    if (performance.now() - began > 1000 * mostSeconds) break
    const batch = Array.from({ length: Math.min(batchSize, cases - index) }, (_, k) => ({
      from: `case ${index + k} of seed ${seed}`,
      ...caseOf(name, target, seed, index + k, pool),
    }))
    await give(batch)
  }
  const seconds = (performance.now() - began) / 1000
  return { name, cases: given, accepted, refused, failures, worstMs, seconds }
}

/** The valid inputs of a seed. */
async function validInputs(name: string, target: Target, seed: number): Promise<Uint8Array[]> {
  const pool: Uint8Array[] = []
  for (let k = 0; k < POOL; k++)
    pool.push(new Uint8Array(await target.valid(Random.of(seed, name, 'valid', k))))
  return pool
}

/** One input: a valid one now and then, else one with one to three changes, or noise. */
function caseOf(name: string, target: Target, seed: number, index: number, pool: readonly Uint8Array[]) {
  const random = Random.of(seed, name, index)
  const valid = random.pick(pool)
  if (index < pool.length) return { input: pool[index]!.slice(), isValid: true }
  if (random.chance(0.02)) return { input: new Uint8Array(noise(valid, random)), isValid: false }
  let input = valid.slice()
  const changes = random.chance(0.75) ? 1 : random.between(2, 3)
  for (let k = 0; k < changes; k++)
    input = new Uint8Array(target.mutate(input, random, () => random.pick(pool)))
  return { input, isValid: false }
}
