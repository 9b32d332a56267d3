/** Binds a peer (Ed25519) and an account (secp256k1) into one member: the account registers, and the peer signs. */

import { ed25519 } from '@noble/curves/ed25519.js'
import { peerIdFromPublicKey, publicKeyFromPeerId, type Signer, verifySignature } from '@tempered/protocol'
import { type Address, bytesToHex, encodeAbiParameters, type Hex, hexToBytes, keccak256 } from 'viem'
import { SettlementError } from './errors.js'
import type { SigningPlace } from './typed-data.js'

export interface Binding {
  readonly account: Address
  /** The peer's public key, 32 bytes. */
  readonly peerKey: Hex
  /** Its signature of {@link bindingHash}, 64 bytes. */
  readonly peerSignature: Hex
}

const PURPOSE = 'tempered/settlement/binding/1'

/** What the peer signs, as the StakingRegistry (`place`) computes it: 32 bytes. */
export function bindingHash(account: Address, peerKey: Hex, { chainId, contract }: SigningPlace): Hex {
  return keccak256(
    encodeAbiParameters(
      [
        { type: 'string' },
        { type: 'uint256' },
        { type: 'address' },
        { type: 'address' },
        { type: 'bytes32' },
      ],
      [PURPOSE, BigInt(chainId), contract, account, peerKey],
    ),
  )
}

/** Binds this node's peer to an account, on one chain and contract. */
export function bindPeer(signer: Signer, account: Address, place: SigningPlace): Binding {
  const peerKey = bytesToHex(publicKeyFromPeerId(signer.peerId))
  const peerSignature = bytesToHex(signer.sign(hexToBytes(bindingHash(account, peerKey, place))))
  return { account, peerKey, peerSignature }
}

/** Whether a key is valid: for one of small order anybody can sign (RFC 8032, section 5.1.7, does not check this). */
function isPeerKey(key: Uint8Array): boolean {
  try {
    return !ed25519.Point.fromBytes(key).isSmallOrder()
  } catch {
    return false
  }
}

/**
 * The peer id of a binding on the chain, which cannot check this signature itself. Throws SettlementError E_BINDING if the
 * peer has not signed it: anybody can register any key.
 */
export function boundPeer({ account, peerKey, peerSignature }: Binding, place: SigningPlace): string {
  const peerId = peerIdFromPublicKey(hexToBytes(peerKey))
  const signed = hexToBytes(bindingHash(account, peerKey, place))
  const signature = hexToBytes(peerSignature)
  if (isPeerKey(hexToBytes(peerKey)) && signature.length === 64 && verifySignature(peerId, signed, signature))
    return peerId
  throw new SettlementError(
    'E_BINDING',
    `account ${account} claims peer ${peerId}, but that peer has not signed the binding`,
    { account, peerId },
  )
}
