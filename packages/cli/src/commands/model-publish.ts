import { counted } from '@tempered/errors'
import { bytes as bytesText } from '@tempered/lab/text'
import { randomIdentity, systemClock } from '@tempered/node'
import type { ModelHostEvents } from '@tempered/node/ipfs'
import { modelCardText } from '@tempered/train/export'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { warn } from '../terminal/warning.js'
import { cardOf, proofOf } from './model-papers.js'
import { type FoundModel, findModel } from './model-source.js'
import { ownIdentity } from './own-identity.js'
import { CARD_FILE, CARD_TEXT_FILE, PROOF_FILE } from './paper-files.js'

export interface ModelPublishOptions {
  /** 1-based. */
  readonly round?: number
  readonly listen?: readonly string[]
  readonly bootstrap?: readonly string[]
  /** Key file of the peer id to serve under. */
  readonly key?: string
  readonly unproven?: boolean
  readonly licence: string
  readonly blobs?: readonly string[]
}

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

/**
 * `tempered model publish`: serves a model, its card and its proof by bitswap until a signal arrives. On stdout: the CIDs
 * and addresses, one `name value` per line. Throws E_UNPROVEN for a model whose entry is not final.
 */
export async function modelPublish(path: string, options: ModelPublishOptions): Promise<void> {
  const found = await findModel(path, options.round, { extra: options.blobs })
  const round = found.entry.body.round + 1
  const proof = await proofOf(found, round)
  if (proof === undefined && !options.unproven)
    throw new CliError(
      'E_UNPROVEN',
      `${found.file}: the entry of round ${round} is not final here, so others cannot check where its model comes from; ` +
        'choose an earlier round with --round, or publish without a proof with --unproven',
      { path: found.file, round },
    )
  const identity = options.key === undefined ? randomIdentity() : await ownIdentity(options.key)
  const { IPFS_LIMITS, startModelHost } = await import('@tempered/node/ipfs')
  const host = await startModelHost(
    { clock: systemClock },
    {
      identity,
      listen: options.listen ?? [LOOPBACK],
      connect: options.bootstrap ?? [],
      model: found.bytes,
      papers: papersOf(found, options.licence, proof),
    },
    {
      onSent: sentLog(found.bytes.byteLength),
      onConnected: (address) => warn(`connected to ${address}`),
      onUnreachable: (address, reason) => warn(`${address} does not answer: ${reason}`),
    },
  )
  const ended = new Promise<void>((resolve) => {
    const interruption = onInterrupt(async () => {
      await host.stop()
      interruption.dispose()
      process.exitCode = interruption.exitCode
      resolve()
    })
  })
  const lines = [
    ['model', host.model],
    ['file', host.file],
    ['folder', host.folder],
    ...host.addresses.map((address) => ['address', address]),
  ]
  process.stdout.write(lines.map(([name, value]) => `${name} ${value}\n`).join(''))
  process.stderr.write(
    `${counted(found.parameters.length, 'parameter')} of ${found.node} after round ${round}, ` +
      `${proof === undefined ? 'whose entry is not final' : 'with a proof that its entry is final'}\n` +
      (host.inOneBlock
        ? ''
        : `the model is larger than one bitswap block, ${bytesText(IPFS_LIMITS.maxBlockBytes)}; fetch it by the CID of \`file\`\n`) +
      `fetch it with: ./tempered model fetch ${host.folder} --from ${host.addresses[0] ?? '<address>'}\n` +
      'press Ctrl-C to stop\n',
  )
  await ended
}

/** Parts of a model after which a line says how far a peer has got. */
const PARTS = 4
/** Peers whose progress is known at a time. */
const MOST_PEERS = 1000

/** One line per sent block; for the chunks of a model, one line per quarter of it. */
function sentLog(modelBytes: number): NonNullable<ModelHostEvents['onSent']> {
  const sent = new Map<string, number>()
  const quarter = (byteLength: number): number => Math.floor((PARTS * byteLength) / modelBytes)
  return (peer, what, byteLength) => {
    if (what !== undefined) {
      warn(`sent ${what}, ${bytesText(byteLength)}, to ${peer}`)
      return
    }
    const before = sent.get(peer) ?? 0
    const after = before + byteLength
    if (after >= modelBytes || sent.size >= MOST_PEERS) sent.delete(peer)
    else sent.set(peer, after)
    if (quarter(after) > quarter(before))
      warn(`sent ${bytesText(after)} of ${bytesText(modelBytes)} of the model to ${peer}`)
  }
}

/** The files beside the model, by name. */
function papersOf(found: FoundModel, licence: string, proof: Uint8Array | undefined) {
  const card = cardOf(found, { licence }, proof === undefined ? null : PROOF_FILE)
  const text = `${modelCardText(card)}
## The file

\`${card.model}\`: a header of 16 bytes, then
${card.parameters} little-endian float32, tensor after tensor as \`layout\` lists them above. The name of the file is the
CID of its bytes. In NumPy:

\`\`\`python
numpy.fromfile("${card.model}", "<f4", offset=16)
\`\`\`
`
  return {
    [CARD_TEXT_FILE]: Buffer.from(text, 'utf8'),
    [CARD_FILE]: Buffer.from(`${JSON.stringify(card, null, 2)}\n`, 'utf8'),
    ...(proof === undefined ? {} : { [PROOF_FILE]: proof }),
  }
}
