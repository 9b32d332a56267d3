import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Identity, type MemberProbe, probeMember, systemClock } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { type Finding, findingsOf, type Patient } from './finding.js'
import { refusalRemedy } from './refusal-remedy.js'

const { ok, note, warning, problem } = findingsOf('bootstrap')

export type Probe = (identity: Identity, address: string) => Promise<MemberProbe>

const probeNow: Probe = (identity, address) =>
  probeMember(identity, address, systemClock, new AbortController().signal)

/** Each bootstrap address: its name, the connection, the handshake, the peer, and whether that takes this node for a member. */
export async function checkBootstrap(
  { config, identity, run }: Pick<Patient, 'config' | 'identity' | 'run'>,
  probe = probeNow,
): Promise<Finding[]> {
  const { bootstrap, mdns, manifest, network } = config
  const addresses = [
    ...new Set([...bootstrap, ...(manifest !== undefined && 'peer' in manifest ? [manifest.peer] : [])]),
  ]
  if (addresses.length === 0)
    return [
      mdns
        ? ok('no bootstrap addresses; members on the local network are found by multicast DNS')
        : network.dht !== undefined
          ? ok('no bootstrap addresses; members are looked for in a DHT')
          : note('no bootstrap addresses: this node waits until others, who know its address, dial it'),
    ]
  if (identity === undefined) return [note('bootstrap addresses are not dialled without a key')]
  return Promise.all(addresses.map((address) => checkAddress(address, identity, run, probe)))
}

async function checkAddress(
  address: string,
  identity: Identity,
  run: Run | undefined,
  probe: Probe,
): Promise<Finding> {
  const [, kind, host = ''] = address.split('/')
  if (isIP(host) === 0) {
    const family = kind === 'dns4' ? 4 : kind === 'dns6' ? 6 : 0
    const trouble = await lookup(host, { family }).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    )
    if (trouble !== undefined)
      return problem(
        `${address}: the name ${host} cannot be resolved (${trouble})`,
        'correct `bootstrap` in node.yaml, or the DNS of this machine',
      )
  }
  return probeFinding(address, await probe(identity, address), run)
}

function probeFinding(address: string, found: MemberProbe, run: Run | undefined): Finding {
  const who = found.peer === undefined ? address : `${address} is ${found.peer}`
  switch (found.what) {
    case 'member':
      return run === undefined || found.run === run.id.toString()
        ? ok(`${who}, of the same protocol version, in run ${found.run}, and takes this node for a member`)
        : problem(
            `${who}, but in run ${found.run}, and this node in run ${run.id}`,
            'start both with the same manifest',
          )
    case 'refuses':
      return problem(`${who}, and does not admit this node: ${found.code}`, refusalRemedy(found.code))
    case 'other-protocol':
      return problem(
        `${who}, but does not speak ${found.protocol}: another version of Tempered, or another program`,
        'run the same version on both',
      )
    case 'failed':
      return failure(who, found)
  }
}

function failure(who: string, { code, message }: MemberProbe & { what: 'failed' }): Finding {
  const text = message.split('\n')[0]!
  if (code === 'E_KEY') return problem(`${who}: ${text}`, 'name the address of another member in `bootstrap`')
  if (/ECONNREFUSED/.test(message))
    return warning(`${who}: nobody listens there`, 'start that member, or correct `bootstrap` in node.yaml')
  const other = /identity key (\S+) does not match/.exec(message)?.[1]
  if (other !== undefined)
    return problem(
      `${who}: another peer is there, ${other}`,
      'correct the peer id at the end of the address, or the address',
    )
  if (/encryption failed|negotiat/i.test(message))
    return problem(
      `${who}: something listens there, but does not shake hands as libp2p does`,
      'another program has that port: correct the address',
    )
  return warning(`${who}: ${code}: ${text}`, 'check the address, that member, and the firewalls in between')
}
