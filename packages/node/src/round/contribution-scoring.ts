import {
  type Contribution,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type Signer,
  scoresNeighbours,
} from '@tempered/protocol'
import { compareRound, leaveOneOut, roundBefore } from '../aggregate/contribution.js'
import type { PipelineInput } from '../aggregate/pipeline.js'
import type { Ledger } from '../ledger/ledger.js'
import { finiteOrNull } from './finite-or-null.js'
import type { Evaluation, LocalTraining } from './local-training.js'

/** Scores what neighbours contribute, in runs whose manifest asks for it. */
export interface ContributionScoring {
  /** A model has been evaluated for another purpose: a round that begins with it need not do it again. */
  noteEvaluated(model: ModelBuffer, evaluation: Evaluation | null): void
  /**
   * The record of a round for its entry, once its aggregate is computed; undefined in runs that score nothing.
   *
   * @param start - the model that the round began with
   * @param announcement - of the node's own model
   * @param input - `out` holds the aggregate
   */
  score(
    start: ModelBuffer,
    announcement: SignedAnnouncement,
    input: PipelineInput,
  ): Promise<Contribution | undefined>
}

export interface ContributionScoringComponents {
  readonly run: Run
  readonly signer: Signer
  readonly training: LocalTraining
  readonly ledger: Ledger
}

export function createContributionScoring(components: ContributionScoringComponents): ContributionScoring {
  const { run, signer, training, ledger } = components
  const { manifest, memberIndex } = run
  if (manifest.contribution === undefined)
    return { noteEvaluated: () => undefined, score: async () => undefined }
  let evaluated: { readonly model: ModelBuffer; readonly evaluation: Evaluation } | undefined
  /**
   * Models of the last round by member, null for its start. Only while this process runs: nodes do not store the models
   * of others.
   */
  let last: { readonly round: number; readonly models: ReadonlyMap<number | null, Float32Array> } | undefined

  const measure = async (model: ModelBuffer): Promise<Contribution['start']> => {
    const found =
      evaluated?.model === model ? evaluated.evaluation : await training.measure?.(model.parameters)
    return { loss: finiteOrNull(found?.loss), metric: finiteOrNull(found?.primary) }
  }

  /** Nothing in rounds without scores, nor in the first one after a restart, which lacks the models to compare with. */
  const scoreModels = async (
    announcement: SignedAnnouncement,
    input: PipelineInput,
  ): Promise<Pick<Contribution, 'own' | 'neighbours'>> => {
    const { round } = input
    const nothing = { own: null, neighbours: null }
    const known = roundBefore(run, round, ledger.last)
    if (known === undefined) return nothing
    const models = last?.round === round - 1 ? last.models : undefined
    const before = known.models.flatMap(({ member }) => models?.get(member) ?? [])
    if (before.length < known.models.length) return nothing
    const { own, neighbours } = compareRound({
      run,
      author: signer.peerId,
      announcement: announcement.bytes,
      input,
      last: known,
      before,
    })
    const gains = await leaveOneOut(input, (parameters) => training.loss(round, parameters))
    return {
      own,
      neighbours: neighbours.map((one, k) => (one === null ? null : { leaveOneOut: gains[k]!, ...one })),
    }
  }

  const remember = ({ round, own, previous, neighbours }: PipelineInput): void => {
    last = undefined
    if (!scoresNeighbours(manifest, round + 1)) return
    const models = new Map<number | null, Float32Array>([
      [null, previous],
      [memberIndex.get(signer.peerId)!, own],
    ])
    // Copies: the memory of received models is used again.
    for (const neighbour of neighbours)
      if (neighbour.status === 'ready')
        models.set(memberIndex.get(neighbour.peer)!, neighbour.parameters.slice())
    last = { round, models }
  }

  return {
    noteEvaluated(model, evaluation) {
      if (evaluation !== null) evaluated = { model, evaluation }
    },
    async score(start, announcement, input) {
      const scores = await scoreModels(announcement, input)
      remember(input)
      return { start: await measure(start), ...scores }
    },
  }
}
