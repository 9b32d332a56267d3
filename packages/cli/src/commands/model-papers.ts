import { temperedVersion } from '@tempered/lab'
import { errorCode } from '@tempered/node'
import type { DifferentialPrivacy, PrivacyRecord } from '@tempered/protocol'
import { type ExportFormat, exportedTensors, type ModelCard } from '@tempered/train/export'
import { proofOfRound } from './ledger-prove.js'
import type { FoundModel } from './model-source.js'

/** Undefined while the entry is not final. */
export async function proofOf(found: FoundModel, round: number): Promise<Uint8Array | undefined> {
  try {
    return Buffer.concat((await proofOfRound(found.ledger, found.file, round)).packed)
  } catch (error) {
    if (errorCode(error) === 'E_UNPROVEN') return undefined
    throw error
  }
}

/** `format`: undefined for the bytes as nodes exchange them. `proof`: the file with it, if there is one. */
export function cardOf(
  { ledger, entry, task, parameters }: FoundModel,
  { licence, format }: { readonly licence: string; readonly format?: ExportFormat },
  proof: string | null,
): ModelCard {
  const { manifest, id } = ledger.run
  const { body } = entry
  return {
    run: {
      id: id.toString(),
      name: manifest.name,
      members: manifest.members.length,
      rule: manifest.rule.name,
    },
    node: body.author,
    round: body.round + 1,
    entry: entry.cid.toString(),
    model: body.aggregate.toString(),
    proof,
    dataCommitment: body.dataCommitment === null ? null : Buffer.from(body.dataCommitment).toString('hex'),
    metrics: { name: task.primary.label, value: body.metrics.testMetric, loss: body.metrics.testLoss },
    privacy: privacyOf(manifest.differentialPrivacy, body.differentialPrivacy),
    task: task.task,
    parameters: task.parameterCount,
    tensors: format === undefined ? null : (exportedTensors(task, parameters, format) ?? null),
    licence,
    tempered: temperedVersion(),
  }
}

function privacyOf(
  asked: DifferentialPrivacy | undefined,
  spent: PrivacyRecord | undefined,
): ModelCard['privacy'] {
  if (asked === undefined || spent === undefined) return null
  const { on, clip, noiseMultiplier, delta } = asked
  return { on, clip, noiseMultiplier, delta, ...spent }
}
