import { type Address, type Hex, isAddressEqual, recoverAddress } from 'viem'

/** Half of the order of secp256k1: of two equivalent signatures, contracts accept the one with the lower s. */
const MOST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/** Whether contracts accept a signature in this form: 65 bytes, the lower s, and v of 27 or 28. */
function isOneForm(signature: Hex): boolean {
  if (!/^0x[0-9a-f]{130}$/i.test(signature)) return false
  const recovery = Number.parseInt(signature.slice(-2), 16)
  return BigInt(`0x${signature.slice(66, 130)}`) <= MOST_S && (recovery === 27 || recovery === 28)
}

/** Signatures of a run's members over digests that contracts check; one per member and digest. */
export class SignatureBook {
  private readonly accountOf: (peerId: string) => Address | undefined
  private readonly most: number
  private readonly signatures = new Map<Hex, Map<string, Hex>>()
  /** Digests of each member, the oldest first. */
  private readonly order = new Map<string, Hex[]>()

  /** `most`: digests per member, at least as many as an honest one signs at a time; older ones make room for newer. */
  constructor(accountOf: (peerId: string) => Address | undefined, most: number) {
    this.accountOf = accountOf
    this.most = most
  }

  /** Adds a signature if it is by the member's account; resolves with whether it is. */
  async add(peerId: string, digest: Hex, signature: Hex): Promise<boolean> {
    const account = this.accountOf(peerId)
    if (account === undefined) return false
    if (this.has(peerId, digest)) return true
    if (!isOneForm(signature)) return false
    const signer = await recoverAddress({ hash: digest, signature }).catch(() => undefined)
    if (signer === undefined || !isAddressEqual(signer, account)) return false
    // Others may have come in the meantime.
    if (this.has(peerId, digest)) return true
    const known = this.signatures.get(digest) ?? new Map<string, Hex>()
    this.signatures.set(digest, known.set(peerId, signature))
    const order = this.order.get(peerId) ?? []
    this.order.set(peerId, order)
    order.push(digest)
    if (order.length > this.most) this.drop(peerId, order.shift()!)
    return true
  }

  private drop(peerId: string, digest: Hex): void {
    const known = this.signatures.get(digest)
    known?.delete(peerId)
    if (known?.size === 0) this.signatures.delete(digest)
  }

  private has(peerId: string, digest: Hex): boolean {
    return this.signatures.get(digest)?.has(peerId) === true
  }

  of(digest: Hex): readonly Hex[] {
    return [...(this.signatures.get(digest)?.values() ?? [])]
  }
}
