import { createAccountSigner, type Statement, statementHash, statementSigner } from '@tempered/protocol'
import { bytesToHex, hashTypedData, hexToBytes } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { contractStatement, statementData } from '../src/typed-data.js'
import { hash } from './support/anvil.js'

/** Statements are hashed and signed by our own protocol package; contracts and wallets must see the same ones. */
const place = { chainId: 8_453, contract: '0x5FbDB2315678afecb367f032d93F642f64180aa3' } as const
const statements = (['announcement', 'head'] as const).flatMap((kind) =>
  [0, 1, 999_999, Number.MAX_SAFE_INTEGER].map(
    (slot): Statement => ({
      kind,
      slot,
      run: hexToBytes(hash(`run ${slot}`)),
      value: hexToBytes(hash(`${kind} ${slot}`)),
    }),
  ),
)

describe.each(statements)('$kind $slot', (statement) => {
  const typed = statementData(contractStatement(statement), place)

  it('has the hash that viem computes', () => {
    expect(bytesToHex(statementHash(statement, place))).toBe(hashTypedData(typed))
  })

  it('has the signature that viem makes, and the signer that it names', async () => {
    const key = generatePrivateKey()
    const account = privateKeyToAccount(key)
    const signer = createAccountSigner(hexToBytes(key), place)
    expect(signer.address).toBe(account.address)
    const signature = signer.sign(statement)
    expect(bytesToHex(signature)).toBe(await account.signTypedData(typed))
    expect(statementSigner(statement, signature, place)).toBe(account.address)
  })
})
