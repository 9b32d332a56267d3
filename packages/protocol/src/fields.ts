import { foreignText } from '@tempered/errors'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { ProtocolError } from './errors.js'
import { DAG_CBOR, RAW, SHA2_256 } from './hashing.js'

/** Length of a signature of an account. */
export const STATEMENT_BYTES = 65

/** True when a CID carries a full SHA-256 digest. */
export function isSha256(cid: CID): boolean {
  return cid.multihash.code === SHA2_256 && cid.multihash.size === 32
}

/** Field types that the documents share. Every object is strict: an unknown field is an error, never ignored. */
function cidWithCodec(codec: number, what: string) {
  return z.custom<CID>(
    (value) => {
      const cid = CID.asCID(value)
      return cid !== null && cid.version === 1 && cid.code === codec && isSha256(cid)
    },
    { error: `must be a CIDv1 of ${what} with SHA-256` },
  )
}

export const documentLink = cidWithCodec(DAG_CBOR, 'a DAG-CBOR document')
export const modelLink = cidWithCodec(RAW, 'raw bytes')
export const peerIdField = z
  .string()
  .regex(/^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/, 'must be an Ed25519 peer id (12D3Koo…)')
export const signatureField = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.byteLength === 64,
  { error: 'must be a 64-byte signature' },
)
/** A signature of an account over a `Statement`: r, s and 27 or 28. */
export const statementField = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.byteLength === STATEMENT_BYTES,
  { error: `must be a signature of ${STATEMENT_BYTES} bytes` },
)
/** Bytes as they are; lengths are bounded by the document around them. */
export const bytesField = z.custom<Uint8Array>((value) => value instanceof Uint8Array, {
  error: 'must be bytes',
})
export const digestField = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.byteLength === 32,
  { error: 'must be a SHA-256 digest of 32 bytes' },
)
/** A path of SHA-256 hashes in a Merkle tree of at most 2⁶⁴ leaves. */
export const hashPath = z.array(digestField).max(64)
export const counter = z.int().min(0)
/**
 * Values by names that the writer chooses. `__proto__` is rejected by name: zod drops that key instead of rejecting it, and
 * a dropped key would be outside the signature.
 */
export function namedValues<K extends z.core.$ZodRecordKey, V extends z.ZodType>(names: K, values: V) {
  return z
    .unknown()
    .refine((value) => typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__'), {
      error: 'must not name __proto__',
    })
    .pipe(z.record(names, values))
}

/** Named numbers. */
export const numericParams = namedValues(z.string().min(1).max(64), z.number())

/** A rule by name with its parameters, and the pre-aggregators that run before it, in order. */
export const ruleField = z.strictObject({
  name: z.string().min(1).max(64).describe('Aggregation rule of @tempered/robust-agg.'),
  params: numericParams,
  pre: z
    .array(z.strictObject({ name: z.string().min(1).max(64), params: numericParams }))
    .max(8)
    .describe('Pre-aggregators that run before the rule, in order.'),
})

/** Checks a decoded value against its schema. Throws E_MALFORMED with the path of the first invalid field. */
export function parseFields<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  // A peer chooses the names of keys, and how long they are.
  const path = foreignText(issue?.path.map(String).join('.') ?? '')
  throw new ProtocolError(
    'E_MALFORMED',
    `${what}${path === '' ? '' : `, field ${path}`}: ${foreignText(issue?.message ?? 'malformed')}`,
    {
      path,
    },
  )
}
