import { z } from 'zod'
import type {
  Architecture,
  Branch,
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
    rules: (init) => completeRules(custom.rules(init as RulesInit<Numbers>)),
    participant: (init) => custom.participant(init as ParticipantInit<Numbers, unknown>),
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

function completeRules(rules: CustomRules): ChainRules<unknown> {
  if (typeof rules?.check !== 'function')
    throw new Error('`rules` must return an object with a function `check`')
  const { genesis, confirmations, adoption, aggregation } = rules
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
    weight: (block, before) => rules.weight?.(block, before) ?? 1,
  }
}
