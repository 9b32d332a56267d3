import { basename, join, relative } from 'node:path'
import { counted } from '@tempered/errors'
import { temperedVersion } from '@tempered/lab'
import { errorCode, writeNewFile } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import {
  type ExportFormat,
  exportedTensors,
  exportModel,
  type ModelCard,
  modelCardText,
} from '@tempered/train/export'
import { allOrNothing } from '../all-or-nothing.js'
import { CliError } from '../errors.js'
import { proofOfRound } from './ledger-prove.js'
import { type FoundModel, findModel } from './model-source.js'

export interface ModelExportOptions {
  /** 1-based. */
  readonly round?: number
  readonly format: ExportFormat
  readonly out?: string
  readonly licence: string
  readonly blobs?: readonly string[]
}

const PROOF_FILE = 'inclusion.car'

/** `tempered model export`: the model, a card (Markdown and JSON) and, if its entry is final, the proof of that. */
export async function modelExport(path: string, options: ModelExportOptions): Promise<void> {
  const found = await findModel(path, options.round, { extra: options.blobs })
  const round = found.entry.body.round + 1
  const folder = options.out ?? `${found.node}-round-${round}`
  const proof = await proofOf(found, round)
  const card = cardOf(found, options, proof === undefined ? null : PROOF_FILE)
  const metadata = { run: card.run.id, entry: card.entry, round: String(round), licence: card.licence }
  const files = await exportModel(found.task, found.parameters, options.format, metadata)
  const written = [
    ...files,
    { name: 'README.md', bytes: Buffer.from(modelCardText(card), 'utf8') },
    { name: 'model-card.json', bytes: Buffer.from(`${JSON.stringify(card, null, 2)}\n`, 'utf8') },
    ...(proof === undefined ? [] : [{ name: PROOF_FILE, bytes: proof }]),
  ]
  await allOrNothing(async (made) => {
    made(await makeFolder(folder))
    for (const { name, bytes } of written) {
      const file = join(folder, name)
      if (!(await writeNewFile(file, [bytes])))
        throw new CliError('E_FILE', `${file} already exists; name another folder with --out`, { path: file })
      made(file)
    }
  })
  process.stdout.write(`${join(folder, files[0]!.name)}\n`)
  process.stderr.write(
    `${counted(found.parameters.length, 'parameter')} of ${found.node} after round ${round}, ` +
      `with a card${proof === undefined ? '; its entry is not final here, so there is no proof' : ' and a proof that its entry is final'}, ` +
      `in ${relative('.', folder) || basename(folder)}\n`,
  )
}

/** Undefined while the entry is not final. */
async function proofOf(found: FoundModel, round: number): Promise<Uint8Array | undefined> {
  try {
    return Buffer.concat((await proofOfRound(found.ledger, found.file, round)).packed)
  } catch (error) {
    if (errorCode(error) === 'E_UNPROVEN') return undefined
    throw error
  }
}

function cardOf(
  { ledger, entry, task, parameters }: FoundModel,
  { licence, format }: Pick<ModelExportOptions, 'licence' | 'format'>,
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
    task: task.task,
    parameters: task.parameterCount,
    tensors: exportedTensors(task, parameters, format) ?? null,
    licence,
    tempered: temperedVersion(),
  }
}
