/**
 * What a member signs beside a message so that a contract can read it: EIP-712 typed data under the secp256k1 key of its
 * account. Two statements of one account for one slot of a run prove a contradiction to anybody, a contract included.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatenated } from './codec.js'
import { ProtocolError } from './errors.js'
import { STATEMENT_BYTES } from './fields.js'

/** The numbers are those of the contract. */
export const STATEMENT_KINDS = { announcement: 0, head: 1 } as const

export interface Statement {
  readonly kind: keyof typeof STATEMENT_KINDS
  /** SHA-256 of the run's manifest, 32 bytes. */
  readonly run: Uint8Array
  /** The round of an announcement, from 0, or the height of a head. */
  readonly slot: number
  /** SHA-256 of the model or of the entry, 32 bytes. */
  readonly value: Uint8Array
}

/** The chain and contract that statements are for; they hold for no other. */
export interface StatementPlace {
  readonly chainId: number
  /** Address of the contract, 0x and 40 hexadecimal digits. */
  readonly contract: string
}

/** Signs statements for one account. */
export interface AccountSigner {
  /** In EIP-55 spelling. */
  readonly address: string
  /** 65 bytes: r, s, and 27 or 28. */
  sign(statement: Statement): Uint8Array
}

/** What the last byte of a signature adds to the recovery bit. */
const RECOVERY_BASE = 27

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const DOMAIN_TYPE = keccak_256(
  text('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
)
const STATEMENT_TYPE = keccak_256(text('Statement(bytes32 run,uint8 kind,uint64 slot,bytes32 value)'))
const NAME = keccak_256(text('Tempered slashing'))
const VERSION = keccak_256(text('1'))

/** A signer from the 32-byte private key of an account. Throws E_MALFORMED. */
export function createAccountSigner(key: Uint8Array, place: StatementPlace): AccountSigner {
  if (!secp256k1.utils.isValidSecretKey(key))
    throw new ProtocolError(
      'E_MALFORMED',
      'not the private key of an account: 32 bytes below the order of secp256k1',
    )
  const address = addressOf(secp256k1.getPublicKey(key, false))
  return {
    address,
    sign(statement) {
      const recovered = secp256k1.sign(statementHash(statement, place), key, {
        prehash: false,
        format: 'recovered',
      })
      const signature = new Uint8Array(STATEMENT_BYTES)
      signature.set(recovered.subarray(1))
      signature[STATEMENT_BYTES - 1] = RECOVERY_BASE + recovered[0]!
      return signature
    },
  }
}

/** The digest that is signed (EIP-712, "Definition of hashStruct" and "domainSeparator"). */
export function statementHash({ kind, run, slot, value }: Statement, place: StatementPlace): Uint8Array {
  const domain = keccak_256(
    concatenated(DOMAIN_TYPE, NAME, VERSION, word(place.chainId), addressWord(place.contract)),
  )
  const struct = keccak_256(concatenated(STATEMENT_TYPE, run, word(STATEMENT_KINDS[kind]), word(slot), value))
  return keccak_256(concatenated(Uint8Array.of(0x19, 0x01), domain, struct))
}

/** Address of the account that signed; undefined for a malformed signature, and for the second form of one (high s). */
export function statementSigner(
  statement: Statement,
  signature: Uint8Array,
  place: StatementPlace,
): string | undefined {
  const recovery = (signature[STATEMENT_BYTES - 1] ?? 0) - RECOVERY_BASE
  if (signature.byteLength !== STATEMENT_BYTES || (recovery !== 0 && recovery !== 1)) return undefined
  try {
    const compact = signature.subarray(0, 64)
    const parsed = secp256k1.Signature.fromBytes(compact, 'compact')
    if (parsed.hasHighS()) return undefined
    const point = parsed.addRecoveryBit(recovery).recoverPublicKey(statementHash(statement, place))
    return addressOf(point.toBytes(false))
  } catch {
    return undefined
  }
}

/** The address of an uncompressed public key (65 bytes), in the mixed case of EIP-55. */
function addressOf(publicKey: Uint8Array): string {
  return checksummed(hex(keccak_256(publicKey.subarray(1)).subarray(12)))
}

/** `digits`: 40 hexadecimal digits in lower case. */
function checksummed(digits: string): string {
  const hash = hex(keccak_256(text(digits)))
  const mixed = [...digits].map((digit, at) =>
    Number.parseInt(hash[at]!, 16) > 7 ? digit.toUpperCase() : digit,
  )
  return `0x${mixed.join('')}`
}

/** Whether a text is an address in the spelling of EIP-55, which has a checksum in its case. */
export function isAddress(value: string): boolean {
  return /^0x[0-9a-fA-F]{40}$/.test(value) && checksummed(value.slice(2).toLowerCase()) === value
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setBigUint64(24, BigInt(value))
  return bytes
}

function addressWord(address: string): Uint8Array {
  const bytes = new Uint8Array(32)
  for (let at = 0; at < 20; at++) bytes[12 + at] = Number.parseInt(address.slice(2 + 2 * at, 4 + 2 * at), 16)
  return bytes
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
