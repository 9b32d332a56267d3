import { connect, createServer, isIP } from 'node:net'
import { systemClock } from '@tempered/node'
import { parseHttpAddress } from '../config/http-address.js'
import { reachabilityText } from '../terminal/status-text.js'
import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, note, warning, problem } = findingsOf('addresses')

const CONNECT_MS = 5_000

/** The addresses of the node: its ports are free or its own, and it can be reached where it says that it is. */
export async function checkAddresses({ config, running }: Patient): Promise<Finding[]> {
  const outside = outsideFinding({ config, running })
  if (running === undefined) {
    const listen = await Promise.all(config.listen.map(checkListen))
    const { http } = config.operate
    const more = http === undefined ? [] : [await checkPort(parseHttpAddress(http)!, `operate.http ${http}`)]
    return [...listen, ...more, note('whether the node can be reached is checked while it runs'), outside]
  }
  if (running.addresses.length === 0)
    return [warning('the node has no address yet', 'wait until it has opened its network')]
  return [...(await Promise.all(running.addresses.map(checkReachable))), outside]
}

/** What members say that were asked to dial the node. */
function outsideFinding({ config, running }: Pick<Patient, 'config' | 'running'>): Finding {
  const reachability = running?.reachability ?? null
  if (reachability === null || reachability.reachedBy + reachability.notReachedBy === 0)
    return note(
      'whether others reach this node from outside is not known: set `network.checkReachable`, and let the node run and meet members; or run `tempered doctor` on a member that has it among its `bootstrap` addresses',
    )
  const text = `reached ${reachabilityText(reachability)}`
  if (reachability.reachedBy > reachability.notReachedBy) return ok(text)
  return config.network.relays.length > 0
    ? ok(`${text}; it has relays for that`)
    : warning(
        text,
        'forward a port to it and name it in `announce`, or name relays in `network.relays` (docs/networking.md)',
      )
}

async function checkListen(address: string): Promise<Finding> {
  const place = placeOf(address)
  if (place === undefined) return note(`${address} is a name, which is looked up when the node starts`)
  return place.port === 0 ? ok(`${address}: any free port`) : checkPort(place, address)
}

interface Place {
  readonly host: string
  readonly port: number
}

/** Host and port of a TCP multiaddr with a number as host; undefined for names. */
function placeOf(address: string): Place | undefined {
  const [, , host = '', , port] = address.split('/')
  return isIP(host) === 0 ? undefined : { host, port: Number(port) }
}

/** Listens for a moment. */
async function checkPort({ host, port }: Place, name: string): Promise<Finding> {
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
  if (code === undefined) return ok(`${name} is free`)
  if (code === 'EADDRINUSE')
    return problem(
      `${name}: another program listens there`,
      `stop it (ss -ltnp 'sport = :${port}'), or choose another port`,
    )
  if (code === 'EADDRNOTAVAIL')
    return problem(
      `${name}: this machine does not have that address`,
      'use 0.0.0.0 for every interface, or one that `ip addr` lists',
    )
  if (code === 'EACCES')
    return problem(`${name}: this user may not listen there`, 'choose a port from 1024 on')
  return problem(`${name}: ${code}`, 'choose another address')
}

async function checkReachable(address: string): Promise<Finding> {
  const plain = address.replace(/\/p2p\/[^/]+$/, '')
  const place = placeOf(plain)
  if (place === undefined) return note(`${plain} is a name and was not dialled`)
  const trouble = await dialTrouble(place)
  return trouble === undefined
    ? ok(`${plain} can be reached from this machine`)
    : warning(
        `${plain}, which the node tells others, cannot be reached from this machine: ${trouble}`,
        'correct `announce` in node.yaml; some routers do not lead back to their own outside address, which others still reach',
      )
}

/** Why nothing answers at an address; undefined if something does. */
export function dialTrouble({ host, port }: Place): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const cancel = systemClock.after(CONNECT_MS, () => end('no answer'))
    const end = (trouble?: string): void => {
      cancel()
      socket.destroy()
      resolve(trouble)
    }
    socket.once('connect', () => end())
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? 'nobody listens there' : (error.code ?? error.message)),
    )
  })
}
