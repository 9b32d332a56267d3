import { z } from 'zod'
import type {
  Architecture,
  Branch,
  ChainEffect,
  ChainRules,
  Participant,
  ParticipantInit,
  RulesInit,
} from './architecture.js'
import type { Block } from './block.js'
import { ChainError } from './errors.js'

/** A parameter of an architecture of a user's own: a number. */
export interface CustomParameter {
  readonly name: string
  readonly default: number
  readonly min?: number
  readonly max?: number
  /** Whole numbers only. */
  readonly integer?: boolean
  readonly meaning?: string
}

type Numbers = Readonly<Record<string, number>>

/** What holds for every block; see {@link ChainRules}. Errors of `check` need no class: any error refuses the block. */
export interface CustomRules<S = unknown>
  extends Pick<ChainRules<S>, 'genesis' | 'check' | 'confirmations' | 'adoption' | 'aggregation'> {
  /** Default: the standing does not change. */
  after?(block: Block, before: Branch<S>): S
  /** Default: 1, so that the longest branch is the chain. */
  weight?(block: Block, before: Branch<S>): number
}

/** An architecture in an ES module: a plain object that imports nothing. */
export interface CustomArchitecture<S = unknown> {
  readonly name: string
  readonly summary?: string
  readonly params?: readonly CustomParameter[]
  /** See {@link Architecture}. */
  readonly comparesScores?: boolean
  rules(init: RulesInit<Numbers>): CustomRules<S>
  participant(init: ParticipantInit<Numbers, S>): Participant
}

/** Makes an architecture of what a module exports. Throws Error with what is missing. */
export function customArchitecture(custom: CustomArchitecture): Architecture {
  const { name, summary = '', params = [], comparesScores } = custom
  for (const method of ['rules', 'participant'] as const)
    if (typeof custom[method] !== 'function') throw new Error(`\`${method}\` must be a function`)
  return {
    name,
    summary,
    comparesScores,
    params: z.strictObject(Object.fromEntries(params.map((one) => [one.name, parameterField(one)]))),
    rules: (init) => completeRules(name, custom.rules(init as RulesInit<Numbers>)),
    participant: (init) =>
      checkedParticipant(name, custom.participant(init as ParticipantInit<Numbers, unknown>)),
  }
}

function parameterField({ name, default: value, min, max, integer = false, meaning = '' }: CustomParameter) {
  if (typeof name !== 'string' || typeof value !== 'number')
    throw new Error('every entry of `params` needs a `name` and a `default`, a number')
  const bounded = (integer ? z.int() : z.number())
    .min(min ?? Number.MIN_SAFE_INTEGER)
    .max(max ?? Number.MAX_SAFE_INTEGER)
  return bounded.default(value).describe(meaning)
}

/** What a participant may ask for. */
const EFFECTS: ReadonlySet<string> = new Set<ChainEffect['type']>([
  ...(['aggregate', 'propose', 'mine', 'stop-mining', 'send', 'repeat', 'request', 'arm', 'disarm'] as const),
  ...(['check', 'evaluate', 'refuse', 'adopt', 'finalise'] as const),
])

/** A participant whose mistakes are named, instead of running into them later. */
function checkedParticipant(name: string, participant: Participant): Participant {
  const wrong = (what: string): ChainError => new ChainError('E_MODULE', `architecture ${name}: ${what}`)
  if (typeof participant?.handle !== 'function')
    throw wrong('`participant` must return an object with a function `handle`')
  return {
    handle(event) {
      let effects: readonly ChainEffect[]
      try {
        effects = participant.handle(event)
      } catch (error) {
        throw wrong(`\`handle\` failed for '${event.type}': ${(error as Error).message}`)
      }
      if (!Array.isArray(effects))
        throw wrong(`\`handle\` must return a list of effects, also for '${event.type}'`)
      for (const effect of effects as readonly ChainEffect[]) {
        if (!EFFECTS.has(effect?.type))
          throw wrong(`there is no effect '${effect?.type}'; known are ${[...EFFECTS].join(', ')}`)
        if (effect.type === 'arm' && !(Number.isFinite(effect.ms) && effect.ms >= 0))
          throw wrong(
            `\`arm\` of timer '${effect.timer}' has ms ${effect.ms}; it must be 0 or more milliseconds`,
          )
      }
      return effects
    },
  }
}

function completeRules(name: string, rules: CustomRules): ChainRules<unknown> {
  if (typeof rules?.check !== 'function')
    throw new Error('`rules` must return an object with a function `check`')
  const { genesis, confirmations, adoption, aggregation } = rules
  if (confirmations !== undefined && !(Number.isInteger(confirmations) && confirmations >= 1))
    throw new ChainError(
      'E_MODULE',
      `architecture ${name}: \`confirmations\` is ${String(confirmations)}; it must be a whole number from 1, or left out where members vote`,
    )
  return {
    genesis,
    confirmations,
    adoption,
    aggregation,
    check(block, before) {
      try {
        rules.check(block, before)
      } catch (error) {
        if (error instanceof ChainError) throw error
        const { height, author } = block.body
        throw new ChainError('E_BLOCK_PROOF', `block ${height} of ${author}: ${(error as Error).message}`)
      }
    },
    after: (block, before) => (rules.after === undefined ? before.standing : rules.after(block, before)),
    weight(block, before) {
      const weight = rules.weight?.(block, before) ?? 1
      if (typeof weight === 'number' && Number.isFinite(weight) && weight > 0) return weight
      throw new ChainError(
        'E_MODULE',
        `architecture ${name}: \`weight\` is ${String(weight)} for block ${block.body.height}; it must be a number above 0`,
      )
    },
  }
}
