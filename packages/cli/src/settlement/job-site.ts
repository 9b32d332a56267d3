import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorMessage } from '@tempered/errors'
import {
  createRunRule,
  deliverModel,
  drawnInitialParameters,
  fetchDocument,
  type Identity,
  type Logger,
  manifestTask,
  preloadNetwork,
  runChain,
  systemClock,
  writeFileAtomic,
} from '@tempered/node'
import type { JobSite, SealedJob } from '@tempered/settlement'
import { type BackendChoice, cacheFolder, loadData } from '@tempered/train'
import { openLearner } from '../commands/node-learner.js'
import { type NodePart, openNode } from '../commands/node-open.js'
import { isMultiaddr } from '../config/multiaddr.js'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { allEvents } from '../operate/all-events.js'
import type { NodeWatch } from '../operate/watch-node.js'
import type { AccountKey } from './account-file.js'
import { createJobModels, jobFolder } from './job-models.js'
import { loadSettlement } from './load-settlement.js'
import { withAccount } from './node-settlement.js'

export interface JobSiteInit {
  readonly config: NodeConfig
  readonly identity: Identity
  readonly key: AccountKey
  readonly logger: Logger
  readonly part: NodePart
  readonly backend: BackendChoice
  readonly json: boolean
  readonly watch: NodeWatch
}

/** Addresses of one user that are tried. */
const MOST_PLACES = 4
/** Rounds whose models are kept: those of a block that is being evaluated, and some before it. */
const KEPT_ROUNDS = 8

/** Where a node keeps the documents, states and models of its jobs. */
export const jobsFolder = ({ file }: Pick<NodeConfig, 'file'>): string => join(dirname(file), 'jobs')

/** A node's data, software and folders, for a worker that accepts jobs. Throws CliError E_CONFIG. */
export function createJobSite(init: JobSiteInit): JobSite {
  const { config, identity, key, logger, part, watch } = init
  const { peerId } = identity.signer
  const folderOf = (job: string): string => jobFolder(jobsFolder(config), job)
  return {
    peerId,
    where: reachable(config, peerId),
    fetchDocument: (where, digest, signal) =>
      eachPlace(where, (address) => fetchDocument({ identity, address, clock: systemClock, signal }, digest)),
    check: (job, members) => checkJob(job, members, config),
    async kept(job) {
      return readFile(join(folderOf(job), 'job.cbor')).then(
        (bytes) => new Uint8Array(bytes),
        () => undefined,
      )
    },
    async keep(job, document) {
      await mkdir(folderOf(job), { recursive: true })
      await writeFileAtomic(join(folderOf(job), 'job.cbor'), document)
    },
    async openNode(job, run, members, events) {
      const folder = folderOf(job)
      await mkdir(folder, { recursive: true })
      preloadNetwork()
      const learner = await openLearner(config, run, identity, init.backend, logger)
      try {
        const place = { identity: withAccount(identity, run, key), run, initial: undefined }
        const own = {
          ...config,
          state: join(folder, 'state'),
          bootstrap: dialable(members).filter((address) => !address.endsWith(`/p2p/${peerId}`)),
          keepRounds: Math.max(config.keepRounds, KEPT_ROUNDS),
        }
        const node = await openNode(
          own,
          part,
          place,
          learner,
          logger,
          { stay: true, json: init.json, libp2pMetrics: watch.libp2pMetrics },
          allEvents(events, watch.events),
        )
        await watch.opened(node, () => place.identity.signer)
        return {
          ...node,
          async stop() {
            await node.stop().finally(watch.left)
            await learner.close()
          },
        }
      } catch (error) {
        await learner.close()
        throw error
      }
    },
    deliver: (where, model, bytes, signal) =>
      eachPlace(where, (address) =>
        deliverModel({ identity, address, clock: systemClock, signal }, model, bytes),
      ),
    ...createJobModels(jobsFolder(config)),
  }
}

/**
 * Addresses that members and users wrote on the chain can be anything: only those of TCP with a numeric IP and a peer id
 * are used. No names are looked up for strangers.
 */
function dialable(places: readonly string[]): string[] {
  return places.filter(
    (place) => /^\/ip[46]\/[0-9a-fA-F.:]+\/tcp\/\d{1,5}\/p2p\/\w+$/.test(place) && isMultiaddr(place),
  )
}

/** Tries one address after the other. Rejects with the error of the last. */
async function eachPlace<T>(where: readonly string[], attempt: (address: string) => Promise<T>): Promise<T> {
  let last: unknown = new CliError('E_FILE', 'it gives no address that can be dialled')
  for (const address of dialable(where).slice(0, MOST_PLACES)) {
    try {
      return await attempt(address)
    } catch (error) {
      last = error
    }
  }
  throw last
}

/** Addresses at which other members reach this node, for the chain. Throws CliError E_CONFIG. */
function reachable({ file, announce, listen }: NodeConfig, peerId: string): string[] {
  const places = announce.length > 0 ? announce : listen
  const vague = places.find(
    (place) => /\/tcp\/0(\/|$)/.test(place) || /\/ip[46]\/(0\.0\.0\.0|::)\//.test(place),
  )
  if (vague !== undefined)
    throw new CliError(
      'E_CONFIG',
      `${file}: other members dial the addresses that this node announces, but ${vague} cannot be dialled; set one with its port under \`announce\``,
      { file },
    )
  const where = places.map((place) => (place.includes('/p2p/') ? place : `${place}/p2p/${peerId}`))
  if (dialable(where).length === where.length) return where
  throw new CliError(
    'E_CONFIG',
    `${file}: other members dial only TCP addresses with a numeric IP, e.g. /ip4/203.0.113.7/tcp/4001; set one under \`announce\``,
    { file },
  )
}

/** Rejects with the reason when this node cannot train a job. */
async function checkJob(job: SealedJob, count: number, config: NodeConfig): Promise<void> {
  const { sampleRunOf } = await loadSettlement()
  const run = sampleRunOf(job, count)
  const { rule, members } = run.manifest
  createRunRule(rule).checkNeighbourhood(members.length - 1)
  runChain(run)
  const task = manifestTask(run.manifest)
  // Before anything of the size of the model is made.
  if (task.parameterCount !== run.manifest.model.parameterCount)
    throw new CliError('E_CONFIG', 'the number of parameters in its manifest is not that of its model')
  if (drawnInitialParameters(run.manifest) === undefined)
    throw new CliError('E_CONFIG', 'the initial parameters of its model are not drawn from its seed')
  const { metric, better } = job.document.target
  if (task.primary.name !== metric || task.primary.better !== better)
    throw new CliError(
      'E_CONFIG',
      `its target (${metric}, ${better} is better) is not the metric of its task (${task.primary.name}, ${task.primary.better} is better)`,
    )
  if (config.trainer !== undefined) return
  if (task.model === undefined)
    throw new CliError('E_CONFIG', 'it needs an external trainer, and this node has none (`trainer`)')
  await loadData(config.data, cacheFolder(), task).catch((error) => {
    throw new CliError(
      'E_CONFIG',
      `its task does not fit this node's data: ${errorMessage(error)}`,
      {},
      error,
    )
  })
}
