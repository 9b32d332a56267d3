import { readFile } from 'node:fs/promises'
import {
  createTrainerService,
  errorCode,
  errorMessage,
  identityFromSeed,
  type LocalNodeComponents,
  loadSource,
  openLocalNode,
  runTopology,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import { openManifest } from '@tempered/protocol'
import { pino } from 'pino'
import { createAdversary } from '../adversary/adversary.js'
import { createHonestModels } from '../adversary/honest-models.js'
import { withoutAbsent } from '../faults/absent-peers.js'
import { linkName } from '../faults/conditions.js'
import { slowLinks } from '../faults/slow-links.js'
import { slowTrainers } from '../faults/slow-trainer.js'
import { shareMemory } from '../stage/memory-share.js'
import { reportedRound } from '../stage/reported-round.js'
import type { FromWorker, ToWorker, WorkerLaunch, WorkerNode } from './worker-messages.js'

/**
 * A host process of a local cluster: runs some of its nodes over the same code as `tempered node start`, with one
 * training thread for all of them. It lives as long as its launcher: when the IPC channel closes, it ends.
 */

// The launcher decides when to stop; a Ctrl-C in the terminal reaches every process of the group.
process.on('SIGINT', () => undefined)

const send = (message: FromWorker): void => {
  if (process.connected) process.send?.(message)
}

let host: { receive(message: ToWorker): void; stop(): Promise<void> } | undefined
/** What came before the host could take it. */
const early: ToWorker[] = []

process.on('message', (message: ToWorker) => {
  if (message.type === 'launch') {
    launch(message.launch).catch((error) => {
      for (const { index } of message.launch.nodes) {
        send({ type: 'failed', index, code: errorCode(error), message: errorMessage(error) })
      }
      process.disconnect()
    })
  } else if (message.type === 'stop') {
    void end()
  } else if (host === undefined) early.push(message)
  else host.receive(message)
})
process.on('disconnect', () => void end())

async function end(): Promise<void> {
  await host?.stop()
  process.exit(0)
}

async function launch(init: WorkerLaunch): Promise<void> {
  const run = openManifest(init.manifest)
  const { manifest } = run
  const logger = pino(
    { level: init.logLevel, base: {} },
    pino.destination({ dest: init.logFile, sync: false }),
  )
  // libp2p has thrown from stream callbacks before; log it, the nodes go on.
  process.on('uncaughtException', (error) =>
    logger.error({ err: error, component: 'process' }, 'uncaught exception'),
  )
  process.on('unhandledRejection', (error) =>
    logger.error({ err: error, component: 'process' }, 'unhandled rejection'),
  )

  const topology = runTopology(run)
  const models = createHonestModels(manifest.model.parameterCount, systemClock)
  const source = await loadSource(init.source, init.cacheFolder)
  const service = await createTrainerService({ backend: init.backend })
  const nodes = new Map<number, TemperedNode>()
  const leaving = new Set<number>()
  let { conditions } = init
  /** Cuts and mends the links of a node as the conditions have it. */
  const setLinks = (index: number, node: TemperedNode): void => {
    const cut = new Set(conditions.cut)
    manifest.members.forEach((peer, other) => {
      if (other !== index) node.setReachable(peer, !cut.has(linkName(index, other)))
    })
  }
  host = {
    receive(message) {
      if (message.type === 'honest-model') {
        models.note(message.index, message.round, () => readFile(message.path))
      } else if (message.type === 'honest-gone') models.gone(message.index)
      else if (message.type === 'addresses') {
        for (const node of nodes.values()) node.learnAddresses(message.peer, message.addresses)
      } else if (message.type === 'conditions') {
        conditions = message.conditions
        for (const [index, node] of nodes) setLinks(index, node)
      } else if (message.type === 'leave') {
        leaving.add(message.index)
        void nodes.get(message.index)?.stop()
      }
    },
    async stop() {
      await Promise.all([...nodes.values()].map((node) => node.stop()))
      await service.close()
    },
  }
  for (const message of early.splice(0)) host.receive(message)
  send({ type: 'ready', backend: service.backend.name, notice: service.backend.notice })

  const start = async (hosted: WorkerNode): Promise<void> => {
    const { index, name } = hosted
    const identity = identityFromSeed(hosted.seed)
    const adversary = createAdversary({
      node: hosted,
      manifest,
      honest: init.honest,
      topology,
      models,
      clock: systemClock,
      train: source.train,
    })
    const neighbours = topology.graph.neighbours(index)
    const absent = init.absent
      .filter((other) => neighbours.includes(other))
      .map((other) => manifest.members[other]!)
    const createNetwork: LocalNodeComponents['createNetwork'] = (parts, makeLibp2p) => {
      const make: typeof makeLibp2p = (of) =>
        slowLinks(withoutAbsent(makeLibp2p(of), absent), {
          clock: systemClock,
          deadlines: manifest.deadlines,
          speedOf: (peer) => conditions.slow[linkName(index, run.memberIndex.get(peer) ?? -1)],
        })
      return adversary.createNetwork?.(parts, make) ?? make(parts)
    }
    const factor = (): number => conditions.trainers[index] ?? 1
    const node = await openLocalNode(
      {
        ...adversary,
        createNetwork,
        service: slowTrainers(service, systemClock, factor),
        clock: systemClock,
        logger: logger.child({ node: name }),
      },
      {
        run,
        identity,
        stateFolder: hosted.stateFolder,
        source,
        share: {
          scheme: init.partition,
          part: index,
          parts: manifest.members.length,
          seed: manifest.seed,
        },
        evaluation: init.evaluation,
        keepRounds: init.keepRounds,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: [],
        mdns: false,
      },
      {
        onListening: (addresses) =>
          send({ type: 'listening', index, peer: identity.signer.peerId, addresses }),
        onPublished: (round, modelCid) => send({ type: 'published', index, round, modelCid }),
        onRound: (report) => send({ type: 'round', index, report: reportedRound(report) }),
        onQuarantine: (peer, round, kind) => send({ type: 'quarantine', index, peer, round, kind }),
      },
    )
    nodes.set(index, node)
    setLinks(index, node)
    if (leaving.has(index)) await node.stop()
    else await node.run()
  }

  shareMemory(init.nodes.length)
  await Promise.all(
    init.nodes.map((hosted) =>
      start(hosted).then(
        () => send({ type: 'done', index: hosted.index }),
        (error) => {
          logger.error({ err: error, node: hosted.name }, 'node failed')
          send({ type: 'failed', index: hosted.index, code: errorCode(error), message: errorMessage(error) })
        },
      ),
    ),
  )
  send({ type: 'memory', residentBytes: process.memoryUsage.rss() })
}
