import { metricText, taskFactsOf } from '@tempered/lab/measures'
import { roundOf } from '@tempered/lab/text'
import {
  type Failpoints,
  type Identity,
  judgedModels,
  killAt,
  type LocalNodeComponents,
  type Logger,
  type NodeEvents,
  type NodeInit,
  noFailpoints,
  plainPublisher,
  type RoundReport,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { DataSource } from '@tempered/train'
import { reachOptions } from '../config/network-config.js'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { epsilonText } from '../terminal/epsilon-text.js'
import type { Learner } from './node-learner.js'

/** The components that an experiment injects into a node. */
export type NodePart = (place: {
  readonly run: Run
  readonly identity: Identity
  /** Undefined when a process of the user's own trains. */
  readonly source: DataSource | undefined
  /** Parameters with which the run begins; undefined when they are drawn from its seed. */
  readonly initialParameters: Float32Array | undefined
}) => Pick<LocalNodeComponents, 'publisher' | 'createNetwork' | 'wrapRule' | 'wrapChain' | 'wrapTraining'>

export const ordinaryPart: NodePart = () => ({ publisher: plainPublisher })

export interface OpenNodeOptions {
  readonly stay?: boolean
  /** One JSON line per round on stdout. */
  readonly json?: boolean
  readonly succeed?: NodeInit['succeed']
  /** A collector of libp2p's own metrics. */
  readonly libp2pMetrics?: NodeInit['libp2pMetrics']
}

export interface NodePlace {
  readonly identity: Identity
  readonly run: Run
  /** Parameters with which the run begins; undefined when they are drawn from its seed. */
  readonly initial: Float32Array | undefined
}

/** Opens a node of a run as its configuration says. Throws what `openLocalNode` throws. */
export async function openNode(
  config: NodeConfig,
  takePart: NodePart,
  { identity, run, initial }: NodePlace,
  learner: Learner,
  logger: Logger,
  options: OpenNodeOptions,
  events: NodeEvents = {},
): Promise<TemperedNode> {
  let current = run
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
      reach: reachOptions(config.network),
      stay: options.stay === true,
      ...(options.succeed === undefined ? {} : { succeed: options.succeed }),
      ...(options.libp2pMetrics === undefined ? {} : { libp2pMetrics: options.libp2pMetrics }),
    },
    {
      ...events,
      onEpoch(next, round) {
        current = next
        events.onEpoch?.(next, round)
      },
      onRound(report) {
        logRound(report, current, logger, options.json === true)
        events.onRound?.(report)
      },
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
  const judged = judgedModels(report)
  const arrived = judged.filter(({ arrived: there }) => there)
  const accepted = arrived.filter((neighbour) => neighbour.accepted).length
  const absent = judged.length - arrived.length
  logger.info(
    { component: 'round', round: report.round },
    `round ${roundOf(report.round + 1, rounds, '/')}: loss ${report.trainingLoss?.toFixed(3) ?? '–'}, ` +
      [
        `${metric.label} ${metricText(metric, report.testMetric)}`,
        ...epsilonText(report.differentialPrivacy),
        `accepted ${accepted}, rejected ${arrived.length - accepted}, absent ${absent}`,
      ].join(', '),
  )
  if (json) {
    const neighbours = report.neighbours.map(({ announcement: _, ...record }) => record)
    process.stdout.write(`${JSON.stringify({ ...report, round: report.round + 1, neighbours })}\n`)
  }
}
