import { dirname } from 'node:path'
import { partitionScheme } from '@tempered/lab/scenario'
import {
  type Identity,
  type LocalNodeComponents,
  type LocalNodeInit,
  type Logger,
  manifestTask,
  type NodeEvents,
  openLocalNode,
  openNodeTrainer,
  openProcessNode,
  type TemperedNode,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import {
  type BackendChoice,
  cacheFolder,
  createTrainerService,
  type DataShare,
  type DataSource,
  hasLabels,
  histogram,
  labelsOf,
  loadData,
  type ProcessTrainerInit,
  shareIndices,
  singleClass,
} from '@tempered/train'
import { namedIn, type Places } from '../config/named-in.js'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { singleClassText } from '../terminal/scenario-text.js'

/** The components of a node but for its training. */
export type NodeComponents = Omit<LocalNodeComponents, 'service'>

/** Everything that the start of a trainer can end with. */
const ABOUT_TRAINER: Places = Object.fromEntries(
  ['START', 'CRASHED', 'PROTOCOL', 'FAILED', 'DEADLINE'].map((what) => [
    `E_TRAINER_${what}`,
    ['trainer', 'command'],
  ]),
)
const ABOUT_DATA: Places = {
  E_DATA_NOT_FOUND: ['data'],
  E_DATA_UNKNOWN: ['data'],
  E_DATA_MISMATCH: ['data'],
}

/** What every node needs besides what it trains on. */
export type NodeSettings = Omit<LocalNodeInit, 'source' | 'share'>

/** Where a node's training comes from: its data and an engine of this process, or a process of its own. */
export interface Learner {
  /** Data that this process has loaded; undefined when only the trainer process knows it. */
  readonly source: DataSource | undefined
  open(components: NodeComponents, settings: NodeSettings, events: NodeEvents): Promise<TemperedNode>
  close(): Promise<void>
}

/** Throws DataError, TrainError. */
export async function openLearner(
  config: NodeConfig,
  run: Run,
  identity: Identity,
  backend: BackendChoice,
  logger: Logger,
): Promise<Learner> {
  return config.trainer === undefined
    ? openEngineLearner(config, run, backend, logger)
    : openProcessLearner(config, config.trainer, run, identity, logger)
}

async function openEngineLearner(
  config: NodeConfig,
  run: Run,
  backend: BackendChoice,
  logger: Logger,
): Promise<Learner> {
  const task = manifestTask(run.manifest)
  if (task.model === undefined) {
    throw new CliError(
      'E_CONFIG',
      `${config.file}: the model of this run is known only to a process that trains it; name one under trainer (docs/trainers.md)`,
    )
  }
  const source = await namedIn(config.file, ABOUT_DATA, () => loadData(config.data, cacheFolder(), task))
  for (const notice of source.notices ?? []) logger.info({ component: 'data' }, notice)
  const service = await createTrainerService({ backend })
  logger.info({ component: 'train' }, service.backend.notice)
  const { split, part, parts, seed } = config.data
  const share = { scheme: split === undefined ? undefined : partitionScheme(split), part, parts, seed }
  warnOfSingleClass(source, share, logger)
  return {
    source,
    open: (components, settings, events) =>
      openLocalNode({ ...components, service }, { ...settings, source, share }, events),
    close: () => service.close(),
  }
}

/** Such a node learns little by itself, and its models differ from those of others. */
function warnOfSingleClass(source: DataSource, share: DataShare, logger: Logger): void {
  const { train } = source
  if (!hasLabels(train) || train.classes < 2) return
  const counts = histogram(labelsOf(train), shareIndices(source, share), train.classes)
  if (singleClass(counts) !== undefined)
    logger.warn({ component: 'data' }, singleClassText("this node's training data"))
}

async function openProcessLearner(
  config: NodeConfig,
  trainer: NonNullable<NodeConfig['trainer']>,
  run: Run,
  identity: Identity,
  logger: Logger,
): Promise<Learner> {
  const process = await namedIn(config.file, ABOUT_TRAINER, () =>
    openNodeTrainer({
      ...processSettings(config.file, trainer),
      run,
      // The node refuses a key that is not a member's, with a reason.
      index: run.memberIndex.get(identity.signer.peerId) ?? -1,
      logger,
    }),
  )
  return {
    source: undefined,
    open: (components, settings, events) =>
      openProcessNode(components, { ...settings, trainer: process }, events),
    close: () => process.close(),
  }
}

/** How a configuration file has its trainer process started. */
export function processSettings(
  file: string,
  { command, attempts, deadlines }: NonNullable<NodeConfig['trainer']>,
): Pick<ProcessTrainerInit, 'command' | 'cwd' | 'attempts' | 'deadlines'> {
  return {
    command,
    cwd: dirname(file),
    attempts,
    deadlines: Object.fromEntries(Object.entries(deadlines).filter(([, value]) => value !== undefined)),
  }
}
