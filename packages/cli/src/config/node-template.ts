import { stringify } from 'yaml'
import type { z } from 'zod'
import type { nodeConfigSchema } from './node-config.js'

/** What `tempered node init` writes: every setting with a comment. */
export type NodeTemplate = Required<
  Pick<z.input<typeof nodeConfigSchema>, 'name' | 'listen' | 'bootstrap' | 'mdns'>
> & {
  readonly manifest: NonNullable<z.input<typeof nodeConfigSchema>['manifest']>
  /** Key file of a private network. */
  readonly networkKey?: string | undefined
  readonly part: number
  readonly parts: number
}

export function nodeTemplate(init: NodeTemplate): string {
  const value = (key: string, content: unknown): string => stringify({ [key]: content }).trimEnd()
  const manifest = 'file' in init.manifest ? { file: init.manifest.file } : { peer: init.manifest.peer }
  const split =
    init.parts > 1
      ? `  # How the source is dealt to ${init.parts} nodes; omit \`split\` to train on all of it.
  split: { kind: label-groups, h: 0.8 }
  part: ${init.part}
  parts: ${init.parts}
  # Must be the same on every node that splits this source.
  seed: 1`
      : `  # To train on a part of it: split: { kind: label-groups, h: 0.8 }, part, parts and seed.`
  return `# yaml-language-server: $schema=./node.schema.json
# A node of Tempered. Paths are relative to this file. Start it: tempered node start --config <this file>

# Name of this node in logs.
${value('name', init.name)}
# Private key (Ed25519, mode 0600). Anyone who has it can act as this node.
key: identity.key
# Ledger, models and lock.
state: state
# Multiaddrs to listen on; /ip4/0.0.0.0/tcp/4001 is every interface.
${value('listen', init.listen)}
# Multiaddrs to announce to others, if they differ from \`listen\` (port forwarding).
announce: []
# Addresses of some members; the node finds the others through them.
${value('bootstrap', init.bootstrap)}
# Find members on the local network by multicast DNS.
${value('mdns', init.mdns)}
# Behind a router that forwards no port: relays through which others reach this node (docs/networking.md).
# network: { relays: [/ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…] }
# A private network: a key that all its nodes have (\`tempered node network-key\`).
${init.networkKey === undefined ? '# network: { key: swarm.key }' : `network: { key: ${JSON.stringify(init.networkKey)} }`}
# The run: a manifest file, or the address of a member to take it from (peer: /ip4/…).
${value('manifest', manifest)}
data:
  # mnist for the embedded digits, or a file or folder: CSV, Parquet, JSON lines, NPZ, images, IDX … (docs/data.md).
  source: mnist
  # Test samples: another source, or a share of this one (a fifth, where the source has none of its own).
  # test: test.csv
  # The most memory that samples may take; those beyond are read from disk.
  # memory: 2GiB
${split}
evaluation:
  # Rounds between evaluations, and the number of test samples per evaluation; the last one uses all.
  every: 1
  samples: 500
# auto is simd, Tempered's own engine; node, wasm and cpu are backends of tfjs.
backend: auto
# An account on an EVM chain, for runs whose members stake and for paid jobs (docs/settlement.md). With --serve-jobs the node
# takes its runs from there, and \`manifest\` is not used.
# settlement: { rpc: "http://127.0.0.1:8545", chainId: 31337, contracts: settlement.json, key: account.key }
# A process of your own trains instead, and reads its own data: then \`data\` is not used (docs/trainers.md).
# trainer: { command: [python3, train.py] }
# Number of rounds for which the node keeps its own models on disk. To replay a whole run, keep all of its rounds.
keepRounds: 4
# Limit for these models in megabytes; omit for no limit.
# diskBudgetMB: 500
# Serve /metrics (Prometheus), /healthz and /readyz to this machine, without authentication (docs/operating.md).
# operate: { http: 127.0.0.1:9464 }
# Send a trace of each round to an OpenTelemetry collector: operate: { traces: "http://127.0.0.1:4318" }
# Write logs to a file instead of stderr; SIGHUP opens it again, for rotation.
# logFile: node.log
# trace, debug, info, warn, error or silent.
logLevel: info
`
}
