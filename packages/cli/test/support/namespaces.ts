import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type CliProcess, MAIN, startProcess } from './run-cli.js'

/** Network namespaces of one test: machines, and routers between them. Linux only, and for root only. */
export interface Namespaces {
  /** A machine on the outside network 45.0.0.0/24 and fd45::/64, at host number `host`. */
  outside(name: string, host: number): void
  /**
   * A machine 192.168.1.2 behind a router of its own, whose outside address has host number `host`. The router rewrites
   * addresses and lets nothing in that nobody inside has asked for.
   */
  behindRouter(name: string, host: number): void
  /** Forwards a port of the router in front of a machine to it. */
  forward(name: string, port: number): void
  /** Gives a name an address, on one machine. */
  hosts(name: string, lines: string): void
  /** Starts a command of Tempered. */
  start(name: string, args: readonly string[], cwd: string, environment?: Record<string, string>): CliProcess
  /** Starts a script. */
  script(name: string, args: readonly string[], cwd: string): CliProcess
  run(name: string, command: string): string
  /** Ends the processes. */
  end(): Promise<void>
  /** Ends the processes and deletes the namespaces. */
  close(): Promise<void>
}

const sh = (command: string): string => {
  const [program, ...args] = command.split(' ').filter((word) => word !== '')
  return execFileSync(program!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Why there are no namespaces here; undefined if there are. */
export function namespacesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  const probe = `tempered-probe-${process.pid}`
  try {
    sh(`ip netns add ${probe}`)
    sh(`ip netns exec ${probe} nft add table ip probe`)
    return undefined
  } catch (error) {
    return `needs \`ip\`, \`nft\` and the right to make network namespaces: ${(error as Error).message.split('\n')[0]}`
  } finally {
    try {
      sh(`ip netns delete ${probe}`)
    } catch {
      // It was not made.
    }
  }
}

export function openNamespaces(): Namespaces {
  const prefix = `tempered-${process.pid}`
  const made: string[] = []
  const started: CliProcess[] = []
  const full = (name: string): string => `${prefix}-${name}`
  const run = (name: string, command: string): string => sh(`ip netns exec ${full(name)} ${command}`)
  const add = (name: string): void => {
    sh(`ip netns add ${full(name)}`)
    made.push(name)
    run(name, 'ip link set lo up')
  }
  const launch = (
    name: string,
    args: readonly string[],
    cwd: string,
    environment: Record<string, string> = {},
  ): CliProcess => {
    // What this process has in its own environment would come before it.
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`)
    const command = ['netns', 'exec', full(name), 'env', ...variables, process.execPath, ...args]
    const cli = startProcess('ip', command, cwd)
    started.push(cli)
    return cli
  }
  const end = async (): Promise<void> => {
    for (const { child } of started) child.kill('SIGTERM')
    await Promise.all(started.map(({ exit }) => exit))
  }
  const cable = (from: string, device: string, to: string, far: string): void => {
    sh(`ip link add ${device} netns ${full(from)} type veth peer name ${far} netns ${full(to)}`)
    run(from, `ip link set ${device} up`)
    run(to, `ip link set ${far} up`)
  }
  const plugIn = (name: string, host: number): void => {
    cable(name, 'wan', WIRE, `port${host}`)
    run(WIRE, `ip link set port${host} master wire`)
    run(name, `ip address add 45.0.0.${host}/24 dev wan`)
    run(name, `ip -6 address add fd45::${host}/64 dev wan nodad`)
  }
  add(WIRE)
  run(WIRE, 'ip link add wire type bridge')
  run(WIRE, 'ip link set wire up')
  return {
    outside(name, host) {
      add(name)
      plugIn(name, host)
    },
    behindRouter(name, host) {
      const router = `${name}-router`
      add(router)
      plugIn(router, host)
      add(name)
      cable(name, 'lan', router, 'lan')
      run(name, 'ip address add 192.168.1.2/24 dev lan')
      run(name, 'ip route add default via 192.168.1.1')
      run(router, 'ip address add 192.168.1.1/24 dev lan')
      run(router, 'sysctl -qw net.ipv4.ip_forward=1')
      for (const rule of ROUTER) run(router, `nft ${rule}`)
    },
    forward(name, port) {
      const router = `${name}-router`
      run(router, `nft add rule ip nat before iifname wan tcp dport ${port} dnat to 192.168.1.2`)
      run(router, `nft insert rule ip filter forward ct status dnat accept`)
    },
    hosts(name, lines) {
      mkdirSync(`/etc/netns/${full(name)}`, { recursive: true })
      writeFileSync(`/etc/netns/${full(name)}/hosts`, `127.0.0.1 localhost\n${lines}\n`)
    },
    start: (name, args, cwd, environment) => launch(name, [MAIN, ...args], cwd, environment),
    script: (name, args, cwd) => launch(name, args, cwd),
    run,
    end,
    async close() {
      await end()
      for (const name of made.reverse()) {
        sh(`ip netns delete ${full(name)}`)
        rmSync(`/etc/netns/${full(name)}`, { recursive: true, force: true })
      }
    },
  }
}

const WIRE = 'wire'
const ROUTER = [
  'add table ip nat',
  'add chain ip nat before { type nat hook prerouting priority -100 ; }',
  'add chain ip nat after { type nat hook postrouting priority 100 ; }',
  'add rule ip nat after oifname wan masquerade',
  'add table ip filter',
  'add chain ip filter forward { type filter hook forward priority 0 ; policy drop ; }',
  'add rule ip filter forward iifname lan oifname wan accept',
  'add rule ip filter forward ct state established,related accept',
  'add chain ip filter input { type filter hook input priority 0 ; policy drop ; }',
  'add rule ip filter input iifname lo accept',
  'add rule ip filter input ct state established,related accept',
  'add rule ip filter input iifname lan accept',
]
