import { isIP } from 'node:net'

const PORT = String.raw`0*(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])`
const PEER = '/p2p/12D3Koo[1-9A-HJ-NP-Za-km-z]{45}'

/**
 * An address that nodes understand: a host and a TCP port, WebSockets on it or not, and at most a peer id, behind which
 * another peer may be that is reached through it; or a name whose DNS records hold such addresses.
 */
export const MULTIADDR = new RegExp(
  `^(/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/${PORT}(/ws|/wss|/tls/ws|/tls/sni/[^/]+/ws)?(${PEER}(/p2p-circuit${PEER})?)?` +
    `|/dnsaddr/[^/]+(${PEER})?)$`,
)

/** Whether a node can listen at an address: on a port of its own, with WebSockets or without; a proxy may add TLS. */
export function isListenAddress(text: string): boolean {
  return isMultiaddr(text) && !/\/(dnsaddr|wss|tls|p2p-circuit)(\/|$)/.test(text)
}

/** Whether an address is one of a relay: direct, with the peer id at its end. */
export function isRelayAddress(text: string): boolean {
  return isMultiaddr(text) && !text.includes('/p2p-circuit') && new RegExp(`${PEER}$`).test(text)
}

/** Port in an example, where none was given. */
const EXAMPLE_PORT = 4001
const MAX_PORT = 65_535
/** Longer hosts are no example. */
const MOST_HOST = 60

/** Whether an address is one that nodes understand, and its host exists where it is a number. */
export function isMultiaddr(text: string): boolean {
  const [, kind, host = ''] = text.split('/')
  if (!MULTIADDR.test(text)) return false
  return kind === 'ip4' || kind === 'ip6' ? isIP(host) === Number(kind.slice(2)) : true
}

/** A peer id at the end of an address: of any kind of key, where our own nodes have Ed25519 keys only. */
const PEER_ID =
  /\/p2p\/(12D3Koo[1-9A-HJ-NP-Za-km-z]{45}|16Uiu2[1-9A-HJ-NP-Za-km-z]{48}|Qm[1-9A-HJ-NP-Za-km-z]{44})$/

/** Whether an address is one at which we can dial an IPFS peer. */
export function isPeerMultiaddr(text: string): boolean {
  return isMultiaddr(text.replace(PEER_ID, ''))
}

/** What an address must be, with an example made of the one that was given. */
export function multiaddrProblem(text: string): string {
  const [, kind, host] = text.split('/')
  if (MULTIADDR.test(text)) return `must have an ${kind?.replace('ip', 'IPv')} address, which ${host} is not`
  if (MULTIADDR.test(text.replace(/\/tcp\/\d+/, '/tcp/1'))) return `must have a port of at most ${MAX_PORT}`
  const example = multiaddrOf(text)
  return example === undefined
    ? 'must be a TCP multiaddr such as /ip4/192.0.2.7/tcp/4001, with /p2p/12D3Koo… at the end for a known peer'
    : `must be a TCP multiaddr; write ${example}`
}

/** `host:port`, a URL, or a host alone as a multiaddr; undefined for anything else. */
function multiaddrOf(text: string): string | undefined {
  const plain = text.replace(/^[a-z]+:\/\//i, '').replace(/\/+$/, '')
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:/[\]\s]+))(?::(\d{1,5}))?$/.exec(plain)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? EXAMPLE_PORT)
  if (host === undefined || host.length > MOST_HOST || port > MAX_PORT) return undefined
  const family = isIP(host)
  if (family === 0 && (!/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host) || /^[\d.]+$/.test(host)))
    return undefined
  return `/${family === 0 ? 'dns4' : `ip${family}`}/${host}/tcp/${port}`
}
