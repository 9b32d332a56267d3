import { CID } from 'multiformats/cid'

/**
 * A value of ledger documents as plain JSON has it: CIDs as text, bytes in base64. For reading; what must be turned
 * back into the same bytes is written as DAG-JSON (`ledger export`).
 */
export function plainJson(value: unknown): unknown {
  const cid = CID.asCID(value)
  if (cid !== null) return cid.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainJson(inner)]))
}
