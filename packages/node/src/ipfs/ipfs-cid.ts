import { DAG_CBOR, RAW, SHA2_256 } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import { NodeError } from '../errors.js'

/** Multicodec number of the blocks of files and folders. */
export const DAG_PB = 0x70

const DIGEST_BYTES = 32

/** What identifies a block for bitswap: its SHA-256, in hexadecimal. */
export function blockKey(cid: CID): string {
  return Buffer.from(cid.multihash.digest).toString('hex')
}

/** Whether we can check a block against this CID. */
export function hasSha256({ multihash }: CID): boolean {
  return multihash.code === SHA2_256 && multihash.digest.byteLength === DIGEST_BYTES
}

/** The CID of a block or file that may hold a model. Throws E_BAD_CID. */
export function parseModelCid(text: string): CID {
  let cid: CID
  try {
    cid = CID.parse(text)
  } catch (error) {
    throw new NodeError(
      'E_BAD_CID',
      `${text} is not a CID such as bafkrei… or bafybei…`,
      { cid: text },
      error,
    )
  }
  if (cid.code === DAG_CBOR)
    throw new NodeError(
      'E_BAD_CID',
      `${text} is the CID of a document such as a manifest or a ledger entry, not of a model; use the CID of a model (bafkrei…), or of a file or folder (bafybei…)`,
      { cid: text },
    )
  if (cid.code !== RAW && cid.code !== DAG_PB)
    throw new NodeError(
      'E_BAD_CID',
      `${text} has codec 0x${cid.code.toString(16)}; a model is a raw block (0x55), or a file or folder (0x70)`,
      { cid: text },
    )
  if (!hasSha256(cid))
    throw new NodeError(
      'E_BAD_CID',
      `${text} has hash function 0x${cid.multihash.code.toString(16)} with ${cid.multihash.digest.byteLength} bytes; only SHA-256 (0x12) with 32 bytes is supported`,
      { cid: text },
    )
  return cid
}
