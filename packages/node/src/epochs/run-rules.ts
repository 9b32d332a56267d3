import { errorMessage } from '@tempered/errors'
import { isChangeable, type ProblemOf, type Run } from '@tempered/protocol'
import { createRunRule } from '../aggregate/run-rule.js'
import { runTopology } from '../topology.js'

/** The topology of a run in an epoch, for `createChainVerifier`. */
export const neighboursOf = (run: Run): ((peer: string) => readonly string[]) => runTopology(run).neighboursOf

/**
 * Why a run cannot go on with its members, or undefined: its topology is not defined for so many, or its rule for so few
 * neighbours. Every node says the same, so that a change that would end the run has no effect for anybody.
 */
export const problemOf: ProblemOf = (run) => {
  if (!isChangeable(run)) return undefined
  const { rule, limits, members } = run.manifest
  try {
    const topology = runTopology(run)
    const runRule = createRunRule(rule)
    const counts = new Set(members.map((_, index) => topology.graph.neighbours(index).length))
    for (const count of counts) {
      if (count > limits.maxNeighbours)
        return `a member would have ${count} neighbours, the run allows ${limits.maxNeighbours}`
      runRule.checkNeighbourhood(count)
    }
    return undefined
  } catch (error) {
    return errorMessage(error)
  }
}

/** What a ledger of a run is checked by besides its manifest. */
export const RUN_RULES = { neighboursOf, problemOf } as const
