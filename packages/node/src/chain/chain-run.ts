import { type OpenChain, openChain } from '@tempered/chain'
import type { Run } from '@tempered/protocol'
import { NodeError } from '../errors.js'
import { manifestTask } from '../round/manifest-training.js'
import { runTopology } from '../topology.js'

/**
 * The chain of a run, undefined for one without. Throws ChainError for an unknown architecture or parameter, and
 * E_CHAIN_UNSUPPORTED for a run whose blocks could not be checked.
 */
export function runChain(run: Run): OpenChain | undefined {
  const { chain, members, topology } = run.manifest
  if (chain === undefined) return undefined
  const opened = openChain(chain)
  const { graph } = runTopology(run)
  const sparse = members.findIndex((_, index) => graph.neighbours(index).length < members.length - 1)
  if (sparse >= 0)
    throw unsupported(
      `members of a chain fetch each other's models, but in topology ${topology.name} member ${sparse} has only ` +
        `${graph.neighbours(sparse).length} of ${members.length - 1} neighbours; use topology complete`,
    )
  const { primary } = manifestTask(run.manifest)
  if (
    opened.architecture.comparesScores === true &&
    (primary.better !== 'higher' || primary.unit !== 'share')
  )
    throw unsupported(
      `${chain.architecture} compares scores in [0, 1], higher being better, but the task is judged by ${primary.name}; put accuracy, ` +
        'auroc or f1 first in its metrics, or use another architecture',
    )
  return opened
}

function unsupported(what: string): NodeError {
  return new NodeError('E_CHAIN_UNSUPPORTED', `chain: ${what}`)
}
