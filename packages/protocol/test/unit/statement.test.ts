import { describe, expect, it } from 'vitest'
import {
  announcementStatement,
  decodeAnnouncement,
  signAnnouncement,
  verifyAnnouncement,
  verifyAnnouncementStatement,
} from '../../src/announcement.js'
import { encodeCanonical } from '../../src/codec.js'
import { decodeHead, verifyHeadStatement } from '../../src/head.js'
import type { Signer } from '../../src/identity.js'
import { type Run, sealManifest } from '../../src/manifest.js'
import {
  type AccountSigner,
  createAccountSigner,
  isAddress,
  type Statement,
  type StatementPlace,
  statementHash,
  statementSigner,
} from '../../src/statement.js'
import { announce, codeOf, headMessage, manifestValue, modelCid, signers } from '../support/documents.js'

const PLACE: StatementPlace = { chainId: 31_337, contract: '0x5FbDB2315678afecb367f032d93F642f64180aa3' }
const keyOf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const accounts: readonly AccountSigner[] = [1, 2, 3, 4].map((fill) => createAccountSigner(keyOf(fill), PLACE))

/** A run whose members have accounts. */
function stakedRun(): Run {
  return sealManifest({
    ...manifestValue(),
    settlement: { ...PLACE, accounts: accounts.map(({ address }) => address) },
  })
}

const withAccount = (k: number, account = accounts[k]): Signer => ({ ...signers[k]!, account })

const said: Statement = {
  kind: 'announcement',
  run: new Uint8Array(32).fill(7),
  slot: 3,
  value: new Uint8Array(32).fill(9),
}

describe('a statement', () => {
  it('is signed by the account that its signature names', () => {
    const signature = accounts[0]!.sign(said)
    expect(signature).toHaveLength(65)
    expect(statementSigner(said, signature, PLACE)).toBe(accounts[0]!.address)
  })

  it.each<[string, Statement, StatementPlace]>([
    ['another value', { ...said, value: new Uint8Array(32) }, PLACE],
    ['another slot', { ...said, slot: 4 }, PLACE],
    ['another kind', { ...said, kind: 'head' }, PLACE],
    ['another run', { ...said, run: new Uint8Array(32) }, PLACE],
    ['another chain', said, { ...PLACE, chainId: 1 }],
    ['another contract', said, { ...PLACE, contract: '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512' }],
  ])('does not hold for %s', (_, other, place) => {
    expect(statementSigner(other, accounts[0]!.sign(said), place)).not.toBe(accounts[0]!.address)
  })

  it('has one signature: the second form with a high s names nobody', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const signature = accounts[0]!.sign(said)
    const s = BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString('hex')}`)
    const second = signature.slice()
    second.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), 32)
    second[64] = 55 - second[64]!
    expect(statementSigner(said, second, PLACE)).toBeUndefined()
  })

  it.each([
    ['too short', new Uint8Array(64)],
    ['too long', new Uint8Array(66)],
    ['zero', new Uint8Array(65)],
    ['of a strange recovery byte', accounts[0]!.sign(said).with(64, 29)],
  ])('is nobody’s when its signature is %s', (_, signature) => {
    expect(statementSigner(said, signature, PLACE)).toBeUndefined()
  })

  it('is hashed by EIP-712', () => {
    // Computed by `hashTypedData` of viem 2.57; settlement's tests compare more of them.
    expect(Buffer.from(statementHash(said, PLACE)).toString('hex')).toMatchInlineSnapshot(
      `"380989ada203856d7c56dffa81c288e5fa17691afad82398a322ad51c993a1a3"`,
    )
  })

  it.each([0, 255])('cannot be signed with a key of bytes %i', (fill) => {
    expect(codeOf(() => createAccountSigner(keyOf(fill), PLACE))).toBe('E_MALFORMED')
  })
})

describe('an address', () => {
  // Examples of EIP-55.
  it.each([
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ])('%s has a right checksum', (address) => {
    expect(isAddress(address)).toBe(true)
    expect(isAddress(address.toLowerCase())).toBe(false)
    expect(isAddress(`${address}0`)).toBe(false)
  })
})

describe('in a run whose members have accounts', () => {
  const run = stakedRun()

  it('an announcement carries its statement, and nothing else does', () => {
    const message = announce(withAccount(0), 1, { run: run.id })
    const decoded = decodeAnnouncement(message.bytes)
    verifyAnnouncement(decoded)
    expect(() => verifyAnnouncementStatement(decoded, run)).not.toThrow()
    expect(statementSigner(announcementStatement(decoded.body), decoded.body.statement!, PLACE)).toBe(
      accounts[0]!.address,
    )
  })

  it.each<[string, Signer]>([
    ['without a statement', signers[0]!],
    ['with the statement of another account', withAccount(0, accounts[1])],
  ])('a message %s is refused', (_, signer) => {
    const announced = announce(signer, 1, { run: run.id })
    expect(codeOf(() => verifyAnnouncementStatement(announced, run))).toBe('E_STATEMENT')
    const { head } = headMessage(signer, 0, { run: run.id })
    expect(codeOf(() => verifyHeadStatement(decodeHead(head.bytes), run))).toBe('E_STATEMENT')
  })

  it('a statement about another model is refused', () => {
    const lie: AccountSigner = {
      ...accounts[0]!,
      sign: (statement) => accounts[0]!.sign({ ...statement, value: modelCid(77).multihash.digest }),
    }
    const message = announce(withAccount(0, lie), 1, { run: run.id })
    expect(codeOf(() => verifyAnnouncementStatement(message, run))).toBe('E_STATEMENT')
  })

  it('a statement of another length, or of another kind, is malformed', () => {
    const { body, signature } = announce(withAccount(0), 3, { run: run.id })
    for (const statement of [new Uint8Array(64), new Uint8Array(66), new Uint8Array(0), 'x'.repeat(65), null])
      expect(
        codeOf(() => decodeAnnouncement(encodeCanonical({ body: { ...body, statement }, signature }))),
      ).toBe('E_MALFORMED')
  })

  it('a statement that was copied from an older message is replaced, not kept', () => {
    const older = announce(withAccount(0), 1, { run: run.id })
    const { version: _, author: __, ...body } = older.body
    const newer = signAnnouncement({ ...body, round: 2 }, withAccount(0))
    expect(() => verifyAnnouncementStatement(newer, run)).not.toThrow()
  })
})

describe('in a run without accounts', () => {
  const run = sealManifest(manifestValue())

  it('a message has the bytes that it always had, and one with a statement is refused', () => {
    const plain = announce(signers[0]!, 1, { run: run.id })
    expect(Object.keys(plain.body)).not.toContain('statement')
    expect(() => verifyAnnouncementStatement(plain, run)).not.toThrow()
    const stated = announce(withAccount(0), 1, { run: run.id })
    expect(codeOf(() => verifyAnnouncementStatement(stated, run))).toBe('E_STATEMENT')
  })
})

describe('accounts of a manifest', () => {
  const addresses = accounts.map(({ address }) => address)
  it.each([
    ['too few', addresses.slice(1)],
    ['one twice', [...addresses.slice(0, 3), addresses[0]!]],
    ['no address', [...addresses.slice(0, 3), '0x12']],
    ['no checksum', [...addresses.slice(0, 3), addresses[3]!.toLowerCase()]],
  ])('must be one per member: %s', (_, named) => {
    const value = { ...manifestValue(), settlement: { ...PLACE, accounts: named } }
    expect(codeOf(() => sealManifest(value))).toBe('E_MANIFEST')
  })
})
