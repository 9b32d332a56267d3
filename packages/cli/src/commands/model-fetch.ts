import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { counted } from '@tempered/errors'
import { bytes as bytesText } from '@tempered/lab/text'
import { checkProofFile, errorCode, errorMessage, systemClock, writeNewFile } from '@tempered/node'
import type { ModelOffer, RemoteModel } from '@tempered/node/ipfs'
import { RAW } from '@tempered/protocol'
import { makeFolder } from '@tempered/train'
import { allOrNothing, type Made } from '../all-or-nothing.js'
import { CliError } from '../errors.js'
import { warn } from '../terminal/warning.js'
import { CARD_FILE, CARD_TEXT_FILE, PROOF_FILE } from './paper-files.js'

export interface ModelFetchOptions {
  readonly from: readonly string[]
  readonly out?: string
  /** Hash that the model must have. */
  readonly model?: string
  /** Run that the proof must belong to. */
  readonly run?: string
  /** Seconds. */
  readonly timeout: number
}

type Folder = Extract<ModelOffer, { readonly kind: 'folder' }>

/**
 * `tempered model fetch`: writes a model that IPFS peers have, or a published folder with its card and proof. Prints the
 * path on stdout. Throws NodeError: E_BAD_CID, E_NO_CONNECTION, E_NOT_FOUND, E_TIMEOUT, E_STREAM, E_HASH_MISMATCH,
 * E_MALFORMED, E_TOO_LARGE, E_MODEL_HEADER, E_MODEL_LENGTH, E_NOT_FINITE; E_FILE when the path exists; E_NOT_CONVINCING
 * and the errors of proofs when the proof is not about this model.
 */
export async function modelFetch(text: string, options: ModelFetchOptions): Promise<void> {
  const { openModelSource, parseModelCid } = await import('@tempered/node/ipfs')
  const cid = parseModelCid(text)
  const expected = options.model === undefined ? undefined : parseModelCid(options.model)
  if (expected !== undefined && expected.code !== RAW)
    throw new CliError('E_USAGE', `--model ${options.model}: must be the hash of a model (bafkrei…)`)
  if (expected !== undefined && cid.code === RAW && !cid.equals(expected))
    throw new CliError('E_USAGE', `--model ${options.model}: ${text} is a different model`)
  const out = options.out ?? text
  if ((await stat(out).catch(() => undefined)) !== undefined) throw exists(out)
  await allOrNothing(async (made) => {
    const source = await openModelSource(
      { clock: systemClock },
      {
        from: options.from,
        idleMs: options.timeout * 1000,
        onUnreachable: (address, reason) => warn(`${address} does not answer: ${reason}`),
      },
    )
    try {
      const offer = await source.open(cid, expected?.toString())
      if (offer.kind === 'folder') await writeFolder(offer, out, options.run, made)
      else if (options.run === undefined) await writeModel(offer.model, out, made)
      else
        throw new CliError(
          'E_NOT_CONVINCING',
          `${text} comes without a proof, so --run ${options.run} cannot be checked; fetch the folder that \`model publish\` prints`,
        )
      const { parameters, cid: model, byteLength } = offer.model.facts()
      process.stdout.write(`${out}\n`)
      process.stderr.write(`model ${model}: ${counted(parameters, 'parameter')}, ${bytesText(byteLength)}\n`)
    } finally {
      await source.stop()
    }
  })
}

/** The papers first: a proof about another model is noticed before the model is fetched. */
async function writeFolder(offer: Folder, out: string, run: string | undefined, made: Made): Promise<void> {
  const papers = [CARD_TEXT_FILE, CARD_FILE, PROOF_FILE]
  const left = [...offer.papers.keys()].filter((name) => !papers.includes(name))
  if (left.length > 0) warn(`left out of the folder: ${left.map((name) => JSON.stringify(name)).join(', ')}`)
  made(await makeFolder(out))
  for (const name of papers) {
    const bytes = await offer.papers.get(name)?.()
    if (bytes === undefined) continue
    if (!(await writeNewFile(join(out, name), [bytes]))) throw exists(join(out, name))
  }
  const says = await checkProof(offer, join(out, PROOF_FILE), run)
  await writeModel(offer.model, join(out, offer.name), made)
  process.stderr.write(`${says}\n`)
}

/** Writes nothing when the model turns out to be wrong. */
async function writeModel(model: RemoteModel, file: string, made: Made): Promise<void> {
  // What is written until all of it is there.
  made(`${file}.${process.pid}.tmp`)
  if (!(await writeNewFile(file, model.parts()))) throw exists(file)
}

/** What the proof of a folder says. Throws E_NOT_CONVINCING when it is not about the folder's model, or of another run. */
async function checkProof(offer: Folder, path: string, run: string | undefined): Promise<string> {
  const refuse = (what: string) => new CliError('E_NOT_CONVINCING', `${PROOF_FILE}: ${what}`)
  if (!offer.papers.has(PROOF_FILE)) {
    if (run !== undefined) throw refuse(`is missing, so nothing proves that the model belongs to run ${run}`)
    return 'there is no proof of where the model comes from'
  }
  const proof = await checkProofFile(path).catch((error) => {
    if (errorCode(error) === 'E_IO') throw error
    throw refuse(errorMessage(error))
  })
  if (proof.kind !== 'inclusion') throw refuse('is not an inclusion proof')
  const { entry, head, signers, final } = proof.inclusion
  const { manifest, id } = proof.run
  if (!final) throw refuse(`too few members signed: ${signers.length} of ${manifest.members.length}`)
  if (run !== undefined && id.toString() !== run) throw refuse(`belongs to run ${id}, not to ${run}`)
  if (entry.body.aggregate.toString() !== offer.name)
    throw refuse(`is about model ${entry.body.aggregate}, but the folder has model ${offer.name}`)
  return (
    `proven: the aggregate of ${entry.body.author} after round ${entry.body.round + 1} of run ${id} ("${manifest.name}"), ` +
    `final after round ${head.body.round + 1}, signed by ${signers.length} of ${counted(manifest.members.length, 'member')}` +
    (run === undefined ? '; give --run to check that this is the right run' : '')
  )
}

function exists(path: string): CliError {
  return new CliError('E_FILE', `${path} already exists; choose another path with --out`, { path })
}
