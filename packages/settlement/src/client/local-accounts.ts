import { bytesToHex, type Hex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

/** Of the chains that developers run on their own machines; everybody knows it. */
const LOCAL_MNEMONIC = 'test test test test test test test test test test test junk'

/** The private key of an account that such a chain has given coins. */
export function localAccountKey(index: number): Hex {
  const { privateKey } = mnemonicToAccount(LOCAL_MNEMONIC, { addressIndex: index }).getHdKey()
  if (privateKey === null || privateKey === undefined) throw new Error('the mnemonic gives no private key')
  return bytesToHex(privateKey)
}
