import { isIP, isIPv4 } from 'node:net'
import { nearestName } from '@tempered/errors'
import { CliError } from '../errors.js'

/** Port of nodes without a given address. */
export const DEFAULT_PORT = 4001

/** Where the others find a host, and what it listens on. */
export interface MachineAddress {
  readonly port: number
  /** Multiaddr that others dial, without `/p2p/…`. */
  readonly announce: string
  readonly listen: string
}

/**
 * Addresses of nodes by index: those given as `node-or-index=host:port`; for the others, the node's name as DNS name
 * with port 4001. Throws E_USAGE for an invalid address, an unknown node, and a node or an address given twice.
 */
export function machineAddresses(names: readonly string[], given: readonly string[]): MachineAddress[] {
  const chosen = new Map<number, string>()
  for (const text of given) {
    const [node = '', ...rest] = text.split('=')
    const index = nodeIndex(names, node, text)
    if (chosen.has(index)) throw new CliError('E_USAGE', `--address ${text}: ${names[index]} already has one`)
    chosen.set(index, rest.join('='))
  }
  const users = new Map<string, string>()
  return names.map((name, index) => {
    const address = hostAddress(chosen.get(index) ?? `${name}:${DEFAULT_PORT}`)
    const other = users.get(address.announce)
    if (other !== undefined)
      throw new CliError('E_USAGE', `--address: ${other} and ${name} cannot both be at ${address.announce}`)
    users.set(address.announce, name)
    return address
  })
}

function nodeIndex(names: readonly string[], node: string, text: string): number {
  const index = /^\d+$/.test(node) ? Number(node) : names.indexOf(node)
  if (names[index] !== undefined) return index
  const nearest = nearestName(node, names)
  const hint = nearest === undefined ? `${names[0]} to ${names.at(-1)}` : `did you mean ${nearest}?`
  throw new CliError('E_USAGE', `--address ${text}: there is no node "${node}"; ${hint}`)
}

/** @param text `host:port`, an IPv6 address in brackets */
function hostAddress(text: string): MachineAddress {
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+)):(\d+)$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  const isName = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host) && !/^[\d.]+$/.test(host)
  const known = match?.[1] === undefined ? isIPv4(host) || isName : isIP(host) === 6
  if (!known || port < 1 || port > 65_535) {
    throw new CliError(
      'E_USAGE',
      `--address: "${text}" is not host:port, such as node-00.example.org:4001, 192.0.2.7:4001 or [2001:db8::7]:4001`,
    )
  }
  const family = match?.[1] !== undefined ? 'ip6' : isIPv4(host) ? 'ip4' : 'dns4'
  return {
    port,
    announce: `/${family}/${host}/tcp/${port}`,
    listen: `${interfaceOf(family, host)}/tcp/${port}`,
  }
}

/** Every interface; for a loopback address only that one, since no other machine can reach it. */
function interfaceOf(family: 'ip4' | 'ip6' | 'dns4', host: string): string {
  if (family === 'ip6') return host === '::1' ? '/ip6/::1' : '/ip6/::'
  return host === 'localhost' || host.startsWith('127.') ? '/ip4/127.0.0.1' : '/ip4/0.0.0.0'
}
