import { stat } from 'node:fs/promises'
import { createAccountFile, readAccountFile } from '../settlement/account-file.js'
import { loadSettlement } from '../settlement/load-settlement.js'

/** `tempered settlement account`. */
export async function settlementAccount(file: string): Promise<void> {
  const exists = await stat(file).then(
    () => true,
    () => false,
  )
  const key = exists ? await readAccountFile(file) : await createAccountFile(file)
  const { accountAddress } = await loadSettlement()
  process.stdout.write(`${accountAddress(key)}\n`)
  if (!exists) process.stderr.write(`wrote ${file}; keep it secret: it controls the coins of this account\n`)
}
