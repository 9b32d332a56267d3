import { basename, join, relative } from 'node:path'
import { counted } from '@tempered/errors'
import { writeNewFile } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { type ExportFormat, exportModel, modelCardText } from '@tempered/train/export'
import { allOrNothing } from '../all-or-nothing.js'
import { CliError } from '../errors.js'
import { cardOf, proofOf } from './model-papers.js'
import { findModel } from './model-source.js'
import { CARD_FILE, CARD_TEXT_FILE, PROOF_FILE } from './paper-files.js'

export interface ModelExportOptions {
  /** 1-based. */
  readonly round?: number
  readonly format: ExportFormat
  readonly out?: string
  readonly licence: string
  readonly blobs?: readonly string[]
}

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
    { name: CARD_TEXT_FILE, bytes: Buffer.from(modelCardText(card), 'utf8') },
    { name: CARD_FILE, bytes: Buffer.from(`${JSON.stringify(card, null, 2)}\n`, 'utf8') },
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
