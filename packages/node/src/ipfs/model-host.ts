import { multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { errorMessage } from '../errors.js'
import type { Identity } from '../identity-file.js'
import { serveBitswap } from './bitswap-server.js'
import { createBlockMap } from './block-map.js'
import { IPFS_LIMITS } from './ipfs-limits.js'
import { createIpfsNode } from './ipfs-node.js'
import { putFile, putFolder, putRaw } from './unixfs.js'

export interface ModelHostInit {
  readonly identity: Identity
  readonly listen: readonly string[]
  /** Peers to connect to, which can then ask without knowing our address. */
  readonly connect: readonly string[]
  /** Canonical bytes of the model. They are served from this memory, without a copy. */
  readonly model: Uint8Array
  /** Files that lie beside the model in its folder, by name. */
  readonly papers: Readonly<Record<string, Uint8Array>>
}

export interface ModelHostEvents {
  /** A block has been sent to a peer; `what` names it for people, undefined for a piece of the model. */
  onSent?(peer: string, what: string | undefined, byteLength: number): void
  /** A connection with a peer to connect to is open. */
  onConnected?(address: string): void
  /** A peer to connect to does not answer. */
  onUnreachable?(address: string, reason: string): void
}

export interface ModelHost {
  /** Hash of the model in one piece, as ledgers name it. */
  readonly model: string
  /** Whether the model is served under that CID too: it fits into a block that every IPFS node carries. */
  readonly inOneBlock: boolean
  /** The model as a file; the same CID when it is in one block. */
  readonly file: string
  /** A folder of the model, whose name there is its hash, and its papers. */
  readonly folder: string
  /** With the peer id at their ends. */
  readonly addresses: readonly string[]
  stop(): Promise<void>
}

const DIAL_MS = 20_000
const SEND_MS = 60_000

/** Serves a model by bitswap until it is stopped. Throws E_LISTEN. */
export async function startModelHost(
  { clock }: { readonly clock: Clock },
  { identity, listen, connect, model, papers }: ModelHostInit,
  { onSent, onConnected, onUnreachable }: ModelHostEvents = {},
): Promise<ModelHost> {
  const blocks = createBlockMap()
  const names = new Map<string, string>()
  const named = <T extends { readonly cid: CID }>(stored: T, name: string): T => {
    names.set(stored.cid.toString(), name)
    return stored
  }
  const inOneBlock = model.byteLength <= IPFS_LIMITS.maxBlockBytes
  const whole = putRaw(inOneBlock ? blocks : createBlockMap(), model)
  const hash = whole.cid.toString()
  const file = inOneBlock
    ? named(whole, 'the model')
    : named(putFile(blocks, model), 'the list of the pieces of the model')
  const files = Object.entries(papers).map(([name, bytes]) => [name, named(putFile(blocks, bytes), name)])
  const folder = named(putFolder(blocks, { ...Object.fromEntries(files), [hash]: file }), 'the folder')

  const libp2p = await createIpfsNode({ identity, listen, dialMs: DIAL_MS })
  const server = await serveBitswap(
    { libp2p, clock, blocks },
    {
      sendMs: SEND_MS,
      onSent: (peer, cid, byteLength) => onSent?.(peer, names.get(cid.toString()), byteLength),
    },
  )
  for (const address of connect)
    libp2p.dial(multiaddr(address)).then(
      () => onConnected?.(address),
      (error: unknown) => onUnreachable?.(address, errorMessage(error)),
    )
  return {
    model: hash,
    inOneBlock,
    file: file.cid.toString(),
    folder: folder.cid.toString(),
    addresses: libp2p.getMultiaddrs().map(String),
    async stop() {
      await server.stop()
      await libp2p.stop()
    },
  }
}
