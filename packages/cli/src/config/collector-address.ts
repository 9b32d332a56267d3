/** What the address of a collector of traces must be. */
export const COLLECTOR_ADDRESS =
  'must be the http or https address of an OTLP collector without /v1/traces, e.g. http://127.0.0.1:4318'

export function isCollectorAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, search, hash, pathname } = new URL(text)
  const isBase = search === '' && hash === '' && !pathname.endsWith('/v1/traces')
  return isBase && (protocol === 'http:' || protocol === 'https:')
}
