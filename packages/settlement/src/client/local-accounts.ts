import { bytesToHex, type Hex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

/** The well-known mnemonic of development chains. */
const LOCAL_MNEMONIC = 'test test test test test test test test test test test junk'

/** The private key of an account that has coins on such a chain. */
export function localAccountKey(index: number): Hex {
  const { privateKey } = mnemonicToAccount(LOCAL_MNEMONIC, { addressIndex: index }).getHdKey()
  if (privateKey === null || privateKey === undefined) throw new Error('the mnemonic gives no private key')
  return bytesToHex(privateKey)
}
