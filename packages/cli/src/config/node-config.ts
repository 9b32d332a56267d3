import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  backendSchema,
  evaluationSchema,
  loadDocument,
  memorySchema,
  type Problem,
  sourceSchema,
  testSchema,
  trainerSchema,
  wholeSplitSchema,
} from '@tempered/lab/documents'
import { z } from 'zod'
import { isCoins, plainDecimal } from './coins.js'
import { COLLECTOR_ADDRESS, isCollectorAddress } from './collector-address.js'
import { HTTP_ADDRESS, parseHttpAddress } from './http-address.js'
import { isListenAddress, isMultiaddr, MULTIADDR, multiaddrProblem } from './multiaddr.js'
import { networkSchema } from './network-config.js'

const addressError = ({ input }: { readonly input?: unknown }): string => multiaddrProblem(String(input))
// The pattern is for editors.
const addressField = z
  .string()
  .regex(MULTIADDR, { error: addressError })
  .refine(isMultiaddr, { error: addressError })

/** Coins of the chain, e.g. 0.05: 10¹⁸ wei each. In quotes where more than 15 digits count. */
const coinsField = z
  .union([z.string(), z.number()])
  .transform((value) => (typeof value === 'number' ? plainDecimal(value) : value))
  .refine(isCoins, { error: 'must be an amount of coins, e.g. 0.05' })

/** The configuration file of one node, `node.yaml`. Paths are relative to the file. */
export const nodeConfigSchema = z.strictObject({
  name: z.string().min(1).max(64).describe('Name of this node in logs.'),
  key: z.string().default('identity.key').describe('Private key file, mode 0600.'),
  state: z.string().default('state').describe('Folder for ledger, models and lock.'),
  listen: z
    .array(
      addressField.refine(isListenAddress, {
        error:
          'is no address to listen on: use /tcp/… or /tcp/…/ws; a proxy adds TLS, and relays are named in `network.relays`',
      }),
    )
    .min(1)
    .default(['/ip4/0.0.0.0/tcp/4001'])
    .describe('Multiaddrs to listen on.'),
  announce: z
    .array(addressField)
    .default([])
    .describe('Multiaddrs to announce to others, if they differ from `listen`.'),
  bootstrap: z
    .array(addressField)
    .default([])
    .describe('Multiaddrs of some members; the node finds the others through them.'),
  mdns: z.boolean().default(false).describe('Find members on the local network by multicast DNS.'),
  network: networkSchema,
  manifest: z
    .union([
      z.strictObject({ file: z.string().describe('Run manifest, made by `tempered manifest create`.') }),
      z.strictObject({ peer: addressField.describe('Multiaddr of a member to take the manifest from.') }),
    ])
    .optional()
    .describe('The run to take part in; only a node that is started with --serve-jobs needs none.'),
  data: z
    .strictObject({
      source: sourceSchema,
      test: testSchema,
      memory: memorySchema,
      split: wholeSplitSchema.optional().describe('Omit to train on the whole source.'),
      part: z.int().min(0).default(0).describe('The part of the split for this node, from 0.'),
      parts: z.int().min(1).default(1).describe('Number of parts of the split.'),
      seed: z.int().min(0).default(0).describe('Must be the same for all nodes that split the same source.'),
    })
    .prefault({}),
  trainer: trainerSchema
    .optional()
    .describe('A process of your own that trains, in any language, with its own data (docs/trainers.md).'),
  settlement: z
    .strictObject({
      rpc: z
        .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
        .describe('URL of a JSON-RPC endpoint of the chain.'),
      chainId: z.int().min(1).describe('Chain id; an RPC of another chain is rejected.'),
      contracts: z
        .string()
        .describe('File with the addresses of the contracts, written by `tempered settlement deploy`.'),
      key: z.string().default('account.key').describe("Private key file of the node's account, mode 0600."),
      anchorEvery: z
        .int()
        .min(1)
        .default(10)
        .describe('Number of ledger entries between two heads that are anchored on the chain.'),
      confirmations: z
        .int()
        .min(0)
        .max(1000)
        .default(2)
        .describe('Number of blocks that must follow the block of a transaction before it counts as final.'),
      jobs: z
        .strictObject({
          leastFee: coinsField
            .default('0.0001')
            .describe('Minimum pay of this node, in coins, if a job takes all its rounds.'),
          mostStake: coinsField.default('1000000').describe('Maximum stake, in coins, that a job may lock.'),
          mostRounds: z.int().min(1).default(1000).describe('Maximum number of rounds of a job.'),
          mostParameters: z
            .int()
            .min(1)
            .default(20_000_000)
            .describe('Maximum number of parameters of the model.'),
          mostSamples: z
            .int()
            .min(1)
            .default(1_000_000_000)
            .describe(
              'Maximum number of samples that the node trains on in one job, in all rounds together.',
            ),
          mostDays: z
            .number()
            .gt(0)
            .max(366)
            .default(7)
            .describe('Maximum number of days until the job must be settled.'),
          mostWaitHours: z
            .number()
            .gt(0)
            .max(8784)
            .default(2)
            .describe('Maximum number of hours that others may still accept; the stake is locked meanwhile.'),
        })
        .prefault({})
        .describe('Limits of the jobs that the node accepts with --serve-jobs.'),
    })
    .optional()
    .describe('An account on an EVM chain, for runs with stakes and for paid jobs (docs/settlement.md).'),
  modules: z
    .array(z.string())
    .default([])
    .describe('ES modules of the run: a rule, pre-aggregator or topology that its manifest names by hash.'),
  evaluation: evaluationSchema,
  backend: backendSchema.default('auto'),
  keepRounds: z
    .int()
    .min(2)
    .default(4)
    .describe(
      'Number of rounds for which the node keeps its own models on disk; to replay a whole run, its number of rounds.',
    ),
  diskBudgetMB: z
    .int()
    .min(1)
    .optional()
    .describe('Limit for stored models in megabytes (10⁶ bytes); older rounds are deleted first.'),
  operate: z
    .strictObject({
      http: z
        .union([z.string(), z.int()])
        .transform(String)
        .refine((text) => parseHttpAddress(text) !== undefined, { error: HTTP_ADDRESS })
        .optional()
        .describe(
          'Address such as 127.0.0.1:9464 for /metrics, /healthz and /readyz, without authentication; omit for none.',
        ),
      libp2p: z
        .boolean()
        .default(false)
        .describe("Add libp2p's own metrics to /metrics; costs a call per message."),
      traces: z
        .string()
        .refine(isCollectorAddress, { error: COLLECTOR_ADDRESS })
        .optional()
        .describe(
          'Send a trace of each round to this OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; omit for none.',
        ),
    })
    .prefault({})
    .describe('How others can watch this node (docs/operating.md).'),
  logFile: z
    .string()
    .optional()
    .describe('File for logs, as JSON lines; opened again at SIGHUP. Default: stderr.'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
})

/** With absolute paths, and the file from which it was read. */
export type NodeConfig = z.output<typeof nodeConfigSchema> & { readonly file: string }
/** A configuration file as written, before defaults. */
export type NodeConfigInput = z.input<typeof nodeConfigSchema>

/** What the keys of a configuration say together. */
export function checkNodeConfig(config: z.output<typeof nodeConfigSchema>, raw: unknown): Problem[] {
  return [...checkSplit(config, raw), ...checkRelays(config)]
}

/** What is announced replaces all other addresses, those at relays too. */
function checkRelays({ announce, network }: z.output<typeof nodeConfigSchema>): Problem[] {
  if (network.relays.length === 0 || announce.length === 0) return []
  return [
    {
      path: ['network', 'relays'],
      message:
        'means nothing beside `announce`, which says that others can dial this node; remove one of them',
    },
  ]
}

/** `split` deals the source to several nodes, so it means nothing without `part` and `parts`, and these without it. */
function checkSplit({ data }: z.output<typeof nodeConfigSchema>, raw: unknown): Problem[] {
  const given = Object.keys((raw as { data?: object | null } | null)?.data ?? {})
  const { split, part, parts } = data
  if (split === undefined) {
    const stray = ['part', 'parts'].filter((key) => given.includes(key) && (part !== 0 || parts !== 1))
    return stray.map((key) => ({
      path: ['data', key],
      message:
        'means nothing without `split`; add e.g. split: { kind: iid }, or remove it to train on the whole source',
    }))
  }
  const missing = ['part', 'parts'].filter((key) => !given.includes(key))
  if (missing.length > 0)
    return [
      {
        path: ['data', 'split'],
        message: `needs ${missing.map((key) => `\`${key}\``).join(' and ')}: which part of how many, e.g. part: 0, parts: 4`,
      },
    ]
  if (part >= parts)
    return [{ path: ['data', 'part'], message: `must be below parts, ${parts}; parts are counted from 0` }]
  return []
}

/** The configuration file in a node folder. */
export const NODE_CONFIG_FILE = 'node.yaml'

/** Loads a configuration file, or `node.yaml` of a node folder, and makes its paths absolute. */
export async function loadNodeConfig(fileOrFolder: string): Promise<NodeConfig> {
  const info = await stat(fileOrFolder).catch(() => undefined)
  const path = info?.isDirectory() ? join(fileOrFolder, NODE_CONFIG_FILE) : fileOrFolder
  const config = await loadDocument(path, nodeConfigSchema, { check: checkNodeConfig })
  const from = (relative: string): string => resolve(dirname(path), relative)
  return {
    ...config,
    file: path,
    key: from(config.key),
    state: from(config.state),
    logFile: config.logFile === undefined ? undefined : from(config.logFile),
    modules: config.modules.map(from),
    network:
      config.network.key === undefined
        ? config.network
        : { ...config.network, key: from(config.network.key) },
    manifest:
      config.manifest !== undefined && 'file' in config.manifest
        ? { file: from(config.manifest.file) }
        : config.manifest,
    settlement: config.settlement && {
      ...config.settlement,
      contracts: from(config.settlement.contracts),
      key: from(config.settlement.key),
    },
    data: {
      ...config.data,
      source: config.data.source === 'mnist' ? 'mnist' : from(config.data.source),
      ...(typeof config.data.test === 'string' ? { test: from(config.data.test) } : {}),
    },
  }
}
