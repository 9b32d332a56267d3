import { type Address, type Hex, isAddressEqual, recoverAddress } from 'viem'

/** What more than the honest members of a run ever sign. */
const MOST_DIGESTS_PER_MEMBER = 256

/** Half of the order of secp256k1: contracts take the lower of two signatures that are valid for the same. */
const MOST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/** Whether contracts take a signature in this form: 65 bytes, the lower s, and 27 or 28. */
function isOneForm(signature: Hex): boolean {
  if (!/^0x[0-9a-f]{130}$/i.test(signature)) return false
  const recovery = Number.parseInt(signature.slice(-2), 16)
  return BigInt(`0x${signature.slice(66, 130)}`) <= MOST_S && (recovery === 27 || recovery === 28)
}

/** Signatures of a run's members over digests that contracts check, each member once per digest. */
export class SignatureBook {
  private readonly accountOf: (peerId: string) => Address | undefined
  private readonly signatures = new Map<Hex, Map<string, Hex>>()
  private readonly counts = new Map<string, number>()

  constructor(accountOf: (peerId: string) => Address | undefined) {
    this.accountOf = accountOf
  }

  /** Takes a signature if it is that of the member's account; resolves with whether it is. */
  async add(peerId: string, digest: Hex, signature: Hex): Promise<boolean> {
    const account = this.accountOf(peerId)
    const known = this.signatures.get(digest) ?? new Map<string, Hex>()
    if (account === undefined || known.has(peerId)) return account !== undefined
    if (!isOneForm(signature)) return false
    const count = this.counts.get(peerId) ?? 0
    if (count >= MOST_DIGESTS_PER_MEMBER) return false
    const signer = await recoverAddress({ hash: digest, signature }).catch(() => undefined)
    if (signer === undefined || !isAddressEqual(signer, account)) return false
    this.counts.set(peerId, count + 1)
    this.signatures.set(digest, known.set(peerId, signature))
    return true
  }

  of(digest: Hex): readonly Hex[] {
    return [...(this.signatures.get(digest)?.values() ?? [])]
  }
}
