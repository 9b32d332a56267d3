import { multiaddr } from '@multiformats/multiaddr'
import { LIMITS, RAW } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { errorMessage, NodeError } from '../errors.js'
import { randomIdentity } from '../identity-file.js'
import { createBitswapClient } from './bitswap-client.js'
import { IPFS_LIMITS } from './ipfs-limits.js'
import { createIpfsNode } from './ipfs-node.js'
import { createModelCheck } from './model-check.js'
import type { Link } from './unixfs.js'
import { openContent } from './unixfs-reader.js'

export interface ModelSourceInit {
  /** Multiaddrs of IPFS peers that may have the model. */
  readonly from: readonly string[]
  /** How long a peer may take to answer, and then until each further block. */
  readonly idleMs: number
  /** A peer does not answer; the others are asked without it. */
  onUnreachable?(address: string, reason: string): void
}

/** What a CID names. */
export type ModelOffer =
  | { readonly kind: 'file'; readonly model: RemoteModel }
  | {
      readonly kind: 'folder'
      /** The file in it that is named after the hash of a model. */
      readonly name: string
      readonly model: RemoteModel
      /** Other files in it by name. */
      readonly papers: ReadonlyMap<string, () => Promise<Uint8Array>>
    }

export interface RemoteModel {
  /**
   * The bytes of the model, checked as they pass: header, length, finite numbers and, at the end, its hash. Throws
   * NodeError and ProtocolError.
   */
  parts(): AsyncGenerator<Uint8Array, void>
  /** What was received, once `parts` has ended. */
  facts(): ReturnType<ReturnType<typeof createModelCheck>['end']>
}

export interface ModelSource {
  /**
   * @param expected hash of the model, if it is known
   */
  open(cid: CID, expected: string | undefined): Promise<ModelOffer>
  stop(): Promise<void>
}

/** Connects to IPFS peers. Throws E_NO_CONNECTION when none of them answers. */
export async function openModelSource(
  { clock }: { readonly clock: Clock },
  { from, idleMs, onUnreachable }: ModelSourceInit,
): Promise<ModelSource> {
  const libp2p = await createIpfsNode({ identity: randomIdentity(), listen: [], dialMs: idleMs })
  const client = await createBitswapClient({ libp2p, clock }, { idleMs })
  const stop = async (): Promise<void> => {
    await client.stop()
    await libp2p.stop()
  }
  const reasons: string[] = []
  await Promise.all(
    from.map(async (address) => {
      try {
        client.addPeer(await libp2p.dial(multiaddr(address)))
      } catch (error) {
        reasons.push(`${address}: ${errorMessage(error)}`)
        onUnreachable?.(address, errorMessage(error))
      }
    }),
  )
  if (reasons.length === from.length) {
    await stop()
    throw new NodeError('E_NO_CONNECTION', `no IPFS peer answers at ${reasons.join('; ')}`, { from })
  }
  return {
    stop,
    async open(cid, expected) {
      const content = await openContent(client.get, cid).catch((error) => {
        throw withHint(error, cid)
      })
      if (content.kind === 'file')
        return { kind: 'file', model: checkedModel(content.parts, expected ?? hashIn(cid)) }
      const { name, cid: file } = modelLink(cid, content.files)
      if (expected !== undefined && expected !== name) throw mismatch(name, expected)
      const papers = content.files.filter((link) => link.name !== name)
      return {
        kind: 'folder',
        name,
        model: checkedModel(async function* (maxBytes) {
          yield* (await partsOf(file))(maxBytes)
        }, name),
        papers: new Map(papers.map((link) => [link.name, () => paper(link)])),
      }
    },
  }

  async function partsOf(cid: CID): Promise<Parts> {
    const content = await openContent(client.get, cid)
    if (content.kind === 'folder')
      throw new NodeError('E_MALFORMED', `${cid} is a folder, but a file is expected`, { cid: String(cid) })
    return content.parts
  }

  async function paper(link: Link): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for await (const part of (await partsOf(link.cid))(IPFS_LIMITS.maxPaperBytes)) parts.push(part)
    return Buffer.concat(parts)
  }
}

type Parts = (maxBytes: number) => AsyncGenerator<Uint8Array, void>

/** The CID of a raw block is the hash of the model. */
function hashIn(cid: CID): string | undefined {
  return cid.code === RAW ? cid.toV1().toString() : undefined
}

/** The file of a folder whose name is the hash of a model. */
function modelLink(folder: CID, files: readonly Link[]): Link {
  const models = files.filter(({ name }) => isHash(name))
  if (models.length !== 1)
    throw new NodeError(
      'E_MALFORMED',
      `folder ${folder} has ${models.length === 0 ? 'no file' : 'several files'} named after a model (bafkrei…), so it was not published by Tempered; fetch the model by the CID of its file`,
      { cid: folder.toString(), files: files.map(({ name }) => name) },
    )
  return models[0]!
}

function isHash(name: string): boolean {
  try {
    const cid = CID.parse(name)
    return cid.code === RAW && cid.toString() === name
  } catch {
    return false
  }
}

/** Explains why a model may not be found under the hash in a ledger. */
function withHint(error: unknown, cid: CID): unknown {
  if (!(error instanceof NodeError) || error.code !== 'E_NOT_FOUND' || cid.code !== RAW) return error
  return new NodeError(
    'E_NOT_FOUND',
    `${error.message}; a model larger than ${IPFS_LIMITS.maxBlockBytes / 1024 / 1024} MiB is published under another CID, that of its file; ask the publisher for it`,
    error.details,
    error,
  )
}

function mismatch(found: string, expected: string): NodeError {
  return new NodeError('E_HASH_MISMATCH', `received model ${found}, but expected ${expected}`, {
    expected,
    found,
  })
}

function checkedModel(parts: Parts, expected: string | undefined): RemoteModel {
  let facts: ReturnType<RemoteModel['facts']> | undefined
  return {
    async *parts() {
      const check = createModelCheck()
      for await (const part of parts(LIMITS.maxModelBytes)) {
        check.take(part)
        yield part
      }
      const found = check.end()
      if (expected !== undefined && found.cid !== expected) throw mismatch(found.cid, expected)
      facts = found
    },
    facts() {
      if (facts === undefined) throw new Error('the model has not been read to its end')
      return facts
    },
  }
}
