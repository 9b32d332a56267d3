import { CID } from 'multiformats/cid'

/**
 * A value of ledger documents as plain JSON: CIDs as text, bytes in base64. It is for reading. DAG-JSON (`ledger
 * export`) preserves the exact bytes.
 */
export function plainJson(value: unknown): unknown {
  const cid = CID.asCID(value)
  if (cid !== null) return cid.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainJson(inner)]))
}
