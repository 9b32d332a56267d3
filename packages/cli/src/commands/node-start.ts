import { isFileError } from '@tempered/errors'
import { metricText, taskFactsOf } from '@tempered/lab/measures'
import { loadModule } from '@tempered/lab/plugins'
import { partsWarning } from '@tempered/lab/text'
import {
  type CheckedProof,
  checkProofFile,
  errorCode,
  errorMessage,
  type Failpoints,
  fetchManifest,
  type Identity,
  killAt,
  type LocalNodeComponents,
  type Logger,
  logFormatters,
  noFailpoints,
  plainPublisher,
  preloadNetwork,
  type RoundReport,
  readIdentityFile,
  readLedgerRun,
  runTopology,
  sleep,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { BackendChoice, DataSource } from '@tempered/train'
import { pino } from 'pino'
import { loadManifest } from '../config/manifest-file.js'
import { namedIn, type Places } from '../config/named-in.js'
import { loadNodeConfig, type NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { type Interruption, onInterrupt } from '../interrupt.js'
import { sentence } from '../terminal/log-sentence.js'
import { openInitialParameters } from './node-initial.js'
import { type Learner, openLearner } from './node-learner.js'

type MisdeedProof = Extract<CheckedProof, { kind: 'misbehaviour' }>

export interface NodeStartOptions {
  readonly config: string
  readonly backend?: BackendChoice
  readonly stay?: boolean
  /** Proof files of misdeeds for the node to act on and forward. */
  readonly evidence?: readonly string[]
  readonly json?: boolean
}

/** The components that an experiment injects into a node. */
export type NodePart = (place: {
  readonly run: Run
  readonly identity: Identity
  /** Undefined when a process of the user's own trains. */
  readonly source: DataSource | undefined
  /** Parameters with which the run begins; undefined when they are drawn from its seed. */
  readonly initialParameters: Float32Array | undefined
}) => Pick<LocalNodeComponents, 'publisher' | 'createNetwork' | 'wrapRule' | 'wrapChain' | 'wrapTraining'>

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

const ordinaryPart: NodePart = () => ({ publisher: plainPublisher })

/** `tempered node start`: runs the rounds until they are done or a signal arrives. */
export async function nodeStart(options: NodeStartOptions, part: NodePart = ordinaryPart): Promise<void> {
  const config = await loadNodeConfig(options.config)
  for (const file of config.modules) await loadModule(file)
  const logger = await createLogger(config)
  process.on('uncaughtException', (error) =>
    logger.error({ err: error, component: 'process' }, 'uncaught exception'),
  )
  process.on('unhandledRejection', (error) =>
    logger.error({ err: error, component: 'process' }, 'unhandled rejection'),
  )
  const identity = await namedIn(config.file, { E_KEY: ['key'] }, () => readIdentityFile(config.key))

  const stopping = new AbortController()
  let node: TemperedNode | undefined
  const interruption = onInterrupt(async () => {
    logger.info('stopping')
    stopping.abort(new DOMException('stopped by a signal', 'AbortError'))
    await node?.stop()
  })
  try {
    const run = await openRun(config, identity, logger, stopping.signal)
    if (run === undefined) return
    const parts = partsWarning(runTopology(run).graph)
    if (parts !== undefined) logger.warn(parts)
    const proofs = await openProofs(options.evidence ?? [], run)
    const initial = await namedIn(config.file, { E_TASK: ['manifest'] }, () =>
      openInitialParameters(config, run, identity, logger, stopping.signal),
    )
    if (stopping.signal.aborted) return
    preloadNetwork()
    const learner = await openLearner(config, run, identity, options.backend ?? config.backend, logger)
    try {
      node = await namedIn(config.file, ABOUT_OPENING, () =>
        openNode(config, part, { identity, run, initial }, learner, logger, options),
      )
      logger.info(
        { peer: node.peerId, run: run.id.toString(), round: node.firstRound },
        node.firstRound === 0
          ? 'node starts'
          : node.firstRound >= run.manifest.training.rounds
            ? 'node starts: all of its rounds are done'
            : `node starts and goes on with round ${node.firstRound + 1} of ${run.manifest.training.rounds}`,
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

async function createLogger(config: NodeConfig): Promise<Logger> {
  const options = { level: config.logLevel, base: { node: config.name }, formatters: logFormatters }
  const destination = logDestination()
  if (!process.stderr.isTTY) return pino(options, destination)
  const { default: pretty } = await import('pino-pretty')
  const stream = pretty({
    destination,
    colorize: process.env.NO_COLOR === undefined,
    hideObject: true,
    messageFormat: (fields) => sentence(fields),
    translateTime: 'SYS:HH:MM:ss',
  })
  return pino(options, stream)
}

/** stderr. If it cannot be written any more (a closed pipe or terminal, a full disk), the node goes on without a log. */
function logDestination() {
  const destination = pino.destination({ dest: 2, sync: true })
  destination.on('error', () => {
    destination.write = () => true
    destination.flushSync = () => undefined
  })
  return destination
}

const MANIFEST_RETRY_MS = 2_000

/** The manifest from the file, from the ledger of an earlier start, or from a member, which may not be up yet. */
async function openRun(
  config: NodeConfig,
  identity: Identity,
  logger: Logger,
  signal: AbortSignal,
): Promise<Run | undefined> {
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

interface NodePlace {
  readonly identity: Identity
  readonly run: Run
  /** Parameters with which the run begins; undefined when they are drawn from its seed. */
  readonly initial: Float32Array | undefined
}

async function openNode(
  config: NodeConfig,
  takePart: NodePart,
  { identity, run, initial }: NodePlace,
  learner: Learner,
  logger: Logger,
  options: NodeStartOptions,
): Promise<TemperedNode> {
  return learner.open(
    {
      ...takePart({ run, identity, source: learner.source, initialParameters: initial }),
      clock: systemClock,
      logger,
      failpoints: failpointsOf(process.env),
    },
    {
      run,
      identity,
      initialParameters: initial,
      stateFolder: config.state,
      evaluation: config.evaluation,
      keepRounds: config.keepRounds,
      diskBudgetBytes: config.diskBudgetMB === undefined ? undefined : config.diskBudgetMB * 1e6,
      listen: config.listen,
      announce: config.announce,
      bootstrap: config.bootstrap,
      mdns: config.mdns,
      stay: options.stay === true,
    },
    {
      onRound: (report) => logRound(report, run, logger, options.json === true),
    },
  )
}

/** Only for crash tests: see failpoints.ts of @tempered/node. */
function failpointsOf({ TEMPERED_FAILPOINT: setting }: NodeJS.ProcessEnv): Failpoints {
  if (setting === undefined || setting === '') return noFailpoints
  try {
    return killAt(setting)
  } catch (error) {
    throw new CliError('E_USAGE', (error as Error).message)
  }
}

function logRound(report: RoundReport, run: Run, logger: Logger, json: boolean): void {
  const { rounds } = run.manifest.training
  const { metric } = taskFactsOf(run.manifest.task)
  const arrived = report.neighbours.filter((neighbour) => neighbour.arrival !== null)
  const accepted = arrived.filter((neighbour) => neighbour.accepted).length
  const absent = report.neighbours.length - arrived.length
  logger.info(
    { component: 'round', round: report.round },
    `round ${report.round + 1}/${rounds}: loss ${report.trainingLoss?.toFixed(3) ?? '–'}, ` +
      `${metric.label} ${metricText(metric, report.testMetric)}, accepted ${accepted}, rejected ${arrived.length - accepted}, absent ${absent}`,
  )
  if (json) {
    const neighbours = report.neighbours.map(({ announcement: _, ...record }) => record)
    process.stdout.write(`${JSON.stringify({ ...report, round: report.round + 1, neighbours })}\n`)
  }
}
