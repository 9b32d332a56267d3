import { isFileError } from '@tempered/errors'
import { loadModule } from '@tempered/lab/plugins'
import { partsWarning, roundOf } from '@tempered/lab/text'
import {
  type CheckedProof,
  checkProofFile,
  errorCode,
  errorMessage,
  fetchManifest,
  type Identity,
  type Logger,
  preloadNetwork,
  readLedgerRun,
  runTopology,
  sleep,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { BackendChoice } from '@tempered/train'
import { loadManifest } from '../config/manifest-file.js'
import { namedIn, type Places } from '../config/named-in.js'
import { loadNodeConfig, type NodeConfig } from '../config/node-config.js'
import { readNodeKeys } from '../config/node-keys.js'
import { CliError } from '../errors.js'
import { type Interruption, onInterrupt } from '../interrupt.js'
import { finishRotation, takeNextKey } from '../membership/next-key.js'
import { allEvents } from '../operate/all-events.js'
import { type NodeWatch, watchAddresses, watchNode } from '../operate/watch-node.js'
import { attachSettlement, type NodeSettlement } from '../settlement/node-settlement.js'
import { openInitialParameters } from './node-initial.js'
import { openLearner } from './node-learner.js'
import { openNodeLog } from './node-logger.js'
import { type NodePart, openNode, ordinaryPart } from './node-open.js'

type MisdeedProof = Extract<CheckedProof, { kind: 'misbehaviour' }>

export interface NodeStartOptions {
  readonly config: string
  readonly backend?: BackendChoice
  readonly stay?: boolean
  /** Proof files of misdeeds for the node to act on and forward. */
  readonly evidence?: readonly string[]
  readonly json?: boolean
  /** Address of the HTTP server, instead of that in the configuration. */
  readonly metrics?: string
  /** Address of a collector of traces, instead of that in the configuration. */
  readonly traces?: string
  /** File for logs, instead of that in the configuration. */
  readonly logFile?: string
}

/** What opening a node may find wrong, and where its configuration file names it. */
const ABOUT_OPENING: Places = {
  E_IO: ['state'],
  E_STATE_IN_USE: ['state'],
  E_STATE_CORRUPT: ['state'],
  E_WRONG_RUN: ['state'],
  E_UNKNOWN_RULE: ['manifest'],
  E_UNKNOWN_PRE: ['manifest'],
  E_UNKNOWN_PARAMETER: ['manifest'],
}

/** `tempered node start`: runs the rounds until they are done or a signal arrives. */
export async function nodeStart(options: NodeStartOptions, part: NodePart = ordinaryPart): Promise<void> {
  const config = await loadNodeConfig(options.config)
  const addresses = watchAddresses(options, config)
  for (const file of config.modules) await loadModule(file)
  const log = await openNodeLog(config, options.logFile)
  await finishRotation(config)
  let identity = await namedIn(config.file, { E_KEY: ['key'] }, () => readNodeKeys(config))

  const stopping = new AbortController()
  /** Whether the node goes on in a new state folder, for a new key. */
  let hasMoved = false
  let node: TemperedNode | undefined
  let settlement: NodeSettlement | undefined
  let watch: NodeWatch | undefined
  let { logger } = log
  const interruption = onInterrupt(async () => {
    logger.info('stopping')
    stopping.abort(new DOMException('stopped by a signal', 'AbortError'))
    await node?.stop()
  }, log.reopen)
  try {
    watch = await namedIn(config.file, { E_LISTEN: ['operate', 'http'] }, () =>
      watchNode(config, addresses, logger),
    )
    const run = await openRun(config, identity, logger, stopping.signal)
    if (run === undefined) return
    logger = logger.child({ run: run.id.toString() })
    const parts = partsWarning(runTopology(run).graph)
    if (parts !== undefined) logger.warn(parts)
    const proofs = await openProofs(options.evidence ?? [], run)
    const initial = await namedIn(config.file, { E_TASK: ['manifest'] }, () =>
      openInitialParameters(config, run, identity, logger, stopping.signal),
    )
    if (stopping.signal.aborted) return
    preloadNetwork()
    settlement = await attachSettlement(config, run, identity, logger)
    const learner = await openLearner(config, run, identity, options.backend ?? config.backend, logger)
    try {
      node = await namedIn(config.file, ABOUT_OPENING, () =>
        openNode(
          config,
          part,
          { identity: settlement?.identity ?? identity, run, initial },
          learner,
          logger,
          {
            ...options,
            libp2pMetrics: watch?.libp2pMetrics,
            async succeed(successor, membership) {
              const next = await takeNextKey(config, identity, successor, membership)
              if (next === undefined) return undefined
              logger.info({ peer: successor }, `this node goes on with its new key, as ${successor}`)
              identity = { ...next, networkKey: identity.networkKey }
              hasMoved = true
              return { identity, stateFolder: config.state }
            },
          },
          allEvents(settlement?.events ?? {}, watch?.events ?? {}, {
            onEpoch() {
              if (!hasMoved) return
              hasMoved = false
              void watch?.moved()
            },
          }),
        ),
      )
      await watch.opened(node, () => settlement?.identity.signer ?? identity.signer)
      logger.info(
        { peer: node.peerId, round: node.firstRound },
        node.firstRound === 0
          ? 'node starts'
          : node.firstRound >= run.manifest.training.rounds
            ? 'node starts: all of its rounds are done'
            : `node starts and goes on with round ${roundOf(node.firstRound + 1, run.manifest.training.rounds)}`,
      )
      const opened = node
      const running = interruption.exitCode === undefined ? opened.run() : opened.stop()
      const work = Promise.all([running, bringProofs(opened, proofs, logger)])
      await namedIn(config.file, { E_LISTEN: ['listen'] }, () => work)
    } finally {
      await learner.close()
    }
    if (interruption.exitCode === undefined) logger.info('run complete')
  } finally {
    await watch?.close()
    await settlement?.close(interruption.exitCode === undefined)
    finish(interruption)
  }
}

/** Proofs of misdeeds in this run. Throws E_FILE, E_WRONG_RUN, and E_NOT_CONVINCING if the check of one fails. */
async function openProofs(paths: readonly string[], run: Run): Promise<MisdeedProof[]> {
  const proofs: MisdeedProof[] = []
  for (const path of paths) {
    const proof = await checkProofFile(path).catch((error) => {
      const code = isFileError(error) ? 'E_FILE' : 'E_NOT_CONVINCING'
      throw new CliError(code, `--evidence ${path}: ${errorMessage(error)}`, { path }, error)
    })
    if (!proof.run.id.equals(run.id))
      throw new CliError(
        'E_WRONG_RUN',
        `--evidence ${path}: belongs to run ${proof.run.id}, but this is run ${run.id}`,
      )
    if (proof.kind !== 'misbehaviour')
      throw new CliError('E_USAGE', `--evidence ${path}: proves that an entry exists, which is not a misdeed`)
    proofs.push(proof)
  }
  return proofs
}

async function bringProofs(
  node: TemperedNode,
  proofs: readonly MisdeedProof[],
  logger: Logger,
): Promise<void> {
  for (const { evidence, blobs } of proofs) {
    try {
      const { status } = await node.accuse(evidence.bytes, blobs)
      logger.info({ peer: evidence.offender, kind: evidence.kind }, `evidence given: ${status}`)
    } catch (error) {
      logger.error({ err: error, peer: evidence.offender }, `evidence not accepted: ${errorMessage(error)}`)
    }
  }
}

function finish(interruption: Interruption): void {
  interruption.dispose()
  if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
}

const MANIFEST_RETRY_MS = 2_000

/** The manifest from the file, from the ledger of an earlier start, or from a member, which may not be up yet. */
async function openRun(
  config: NodeConfig,
  identity: Identity,
  logger: Logger,
  signal: AbortSignal,
): Promise<Run | undefined> {
  if (config.manifest === undefined)
    throw new CliError(
      'E_CONFIG',
      `${config.file}: names no run; add \`manifest\`, or take paid jobs with --serve-jobs`,
      { file: config.file },
    )
  if ('file' in config.manifest) {
    const { file } = config.manifest
    return namedIn(config.file, { E_FILE: ['manifest', 'file'] }, () => loadManifest(file))
  }
  const earlier = await readLedgerRun(config.state)
  if (earlier !== undefined) return earlier
  const address = config.manifest.peer
  let warned = false
  while (!signal.aborted) {
    try {
      return await fetchManifest(identity, address, systemClock, signal)
    } catch (error) {
      if (signal.aborted) break
      // Only another manifest can change a refusal, and it would be another run.
      if (['E_REFUSED', 'E_KEY'].includes(errorCode(error))) throw error
      if (!warned) logger.warn({ address }, `no manifest yet, trying again: ${errorMessage(error)}`)
      warned = true
      await sleep(systemClock, MANIFEST_RETRY_MS, signal)
    }
  }
  return undefined
}
