import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  backendSchema,
  evaluationSchema,
  loadDocument,
  sourceSchema,
  wholeSplitSchema,
} from '@tempered/lab/documents'
import { z } from 'zod'

const addressField = z
  .string()
  .regex(
    /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+(\/p2p\/12D3Koo[1-9A-HJ-NP-Za-km-z]{45})?$/,
    'must be a TCP multiaddr such as /ip4/0.0.0.0/tcp/4001, for a known peer with /p2p/12D3Koo… behind it',
  )

/** The configuration file of one node, `node.yaml`. Paths are relative to the file. */
export const nodeConfigSchema = z.strictObject({
  name: z.string().min(1).max(64).describe('What logs call this node.'),
  key: z.string().default('identity.key').describe('Private key file, mode 0600.'),
  state: z.string().default('state').describe('Folder for ledger, models and lock.'),
  listen: z
    .array(addressField)
    .min(1)
    .default(['/ip4/0.0.0.0/tcp/4001'])
    .describe('Multiaddrs to listen on.'),
  announce: z
    .array(addressField)
    .default([])
    .describe('Multiaddrs to tell others, when they differ from `listen`.'),
  bootstrap: z
    .array(addressField)
    .default([])
    .describe('Multiaddrs of any members; the others are found through them.'),
  mdns: z.boolean().default(false).describe('Find members on the local network by multicast DNS.'),
  manifest: z
    .union([
      z.strictObject({ file: z.string().describe('Run manifest, made by `tempered manifest create`.') }),
      z.strictObject({ peer: addressField.describe('Multiaddr of a member to take the manifest from.') }),
    ])
    .describe('The run to take part in.'),
  data: z
    .strictObject({
      source: sourceSchema,
      split: wholeSplitSchema.optional().describe('Leave out to train on all of the source.'),
      part: z.int().min(0).default(0).describe('Which part of the split is mine, from 0.'),
      parts: z.int().min(1).default(1).describe('Into how many parts the source is split.'),
      seed: z.int().min(0).default(0).describe('All nodes that split one source must name the same seed.'),
    })
    .prefault({}),
  modules: z
    .array(z.string())
    .default([])
    .describe('ES modules of the run: a rule, pre-aggregator or topology that its manifest names by hash.'),
  evaluation: evaluationSchema,
  backend: backendSchema.default('auto'),
  keepRounds: z.int().min(2).default(4).describe('Rounds of own models to keep on disk.'),
  diskBudgetMB: z
    .int()
    .min(1)
    .optional()
    .describe('Megabytes (10⁶ bytes) that stored models may take up; older rounds go first.'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
})

export type NodeConfig = z.infer<typeof nodeConfigSchema>
/** What a configuration file may say, before defaults. */
export type NodeConfigInput = z.input<typeof nodeConfigSchema>

/** Loads a configuration file, or `node.yaml` of a node folder, and makes its paths absolute. */
export async function loadNodeConfig(fileOrFolder: string): Promise<NodeConfig> {
  const info = await stat(fileOrFolder).catch(() => undefined)
  const path = info?.isDirectory() ? join(fileOrFolder, 'node.yaml') : fileOrFolder
  const config = await loadDocument(path, nodeConfigSchema)
  const from = (relative: string): string => resolve(dirname(path), relative)
  return {
    ...config,
    key: from(config.key),
    state: from(config.state),
    modules: config.modules.map(from),
    manifest: 'file' in config.manifest ? { file: from(config.manifest.file) } : config.manifest,
    data: { ...config.data, source: config.data.source === 'mnist' ? 'mnist' : from(config.data.source) },
  }
}
