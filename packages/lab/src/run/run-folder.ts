import { createWriteStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { errorMessage, judgedModels, writeFileAtomic } from '@tempered/node'
import type { DataSource } from '@tempered/train'
import { makeFolder } from '@tempered/train'
import { stringify } from 'yaml'
import { attackName } from '../adversary/planned-attack.js'
import { LabError } from '../errors.js'
import type { RunEvent } from '../events/run-event.js'
import { LABELS_FILE } from '../measures/read-labels.js'
import type { RunPlan } from '../scenario/plan.js'
import { versions } from '../versions.js'
import { labelCounts } from './label-counts.js'

/**
 * Results of one run, all in one folder: `scenario.yaml` (resolved, with attackers and versions), `manifest.json`,
 * `data.json` (samples of each class by node), `events.ndjson`, `metrics.csv`, `summary.json`, and `nodes/<name>/` with
 * ledger and models.
 */
export interface RunFolder {
  readonly path: string
  record(event: RunEvent, elapsedMs: number): void
  writeSummary(summary: unknown): Promise<void>
  close(): Promise<void>
}

const METRIC_COLUMNS = [
  'node',
  'role',
  'round',
  'training_loss',
  'test_loss',
  'test_metric',
  'accepted',
  'rejected',
  'absent',
  'bytes_received',
  'bytes_sent',
  'train_ms',
  'publish_ms',
  'collect_ms',
  'aggregate_ms',
  'evaluate_ms',
  'ledger_ms',
  'elapsed_ms',
  'aggregate_cid',
  'resident_bytes',
] as const

/** `runs/<name>-<time>`, e.g. `runs/demo-20261121-031500`. */
export function newRunPath(base: string, name: string, now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return resolve(base, `${name}-${stamp}`)
}

export async function openRunFolder(
  path: string,
  plan: RunPlan,
  train: DataSource['train'] | undefined,
): Promise<RunFolder> {
  await makeFolder(path)
  const { scenario, run, nodes } = plan
  // Attackers may have been drawn from the seed, so results list them.
  const attackers = nodes.flatMap(({ index, attack }) =>
    attack === undefined
      ? []
      : [{ node: index, attack: attackName(attack), from: attack.from + 1, to: attack.to + 1 }],
  )
  const resolved = { ...scenario, attackers, run: run.id.toString(), versions: versions() }
  await writeFileAtomic(join(path, 'scenario.yaml'), stringify(resolved, { aliasDuplicateObjects: false }))
  await writeFileAtomic(join(path, 'manifest.json'), `${JSON.stringify(run.manifest, null, 2)}\n`)
  await writeFileAtomic(join(path, LABELS_FILE), `${JSON.stringify(labelCounts(plan, train))}\n`)
  const events = createWriteStream(join(path, 'events.ndjson'))
  const metrics = createWriteStream(join(path, 'metrics.csv'))
  const written = Promise.all([finished(events), finished(metrics)])
  // `close` reports the error; the run goes on until then.
  written.catch(() => undefined)
  metrics.write(`${METRIC_COLUMNS.join(',')}\n`)

  return {
    path,
    record(event, elapsedMs) {
      const node = 'index' in event ? nodes[event.index]?.name : undefined
      events.write(`${JSON.stringify({ elapsedMs: Math.round(elapsedMs), node, ...event })}\n`)
      if (event.type !== 'round') return
      const { report } = event
      const arrived = judgedModels(report).filter(({ arrived: there }) => there)
      const accepted = arrived.filter((neighbour) => neighbour.accepted).length
      const row: Record<(typeof METRIC_COLUMNS)[number], string | number | null | undefined> = {
        node,
        role: nodes[event.index]?.attack?.name ?? 'honest',
        round: report.round + 1,
        training_loss: report.trainingLoss,
        test_loss: report.testLoss,
        test_metric: report.testMetric,
        accepted,
        rejected: arrived.length - accepted,
        absent: report.neighbours.length - arrived.length,
        bytes_received: report.bytesReceived,
        bytes_sent: report.bytesSent,
        train_ms: Math.round(report.phaseMs.train),
        publish_ms: Math.round(report.phaseMs.publish),
        collect_ms: Math.round(report.phaseMs.collect),
        aggregate_ms: Math.round(report.phaseMs.aggregate),
        evaluate_ms: Math.round(report.phaseMs.evaluate),
        ledger_ms: Math.round(report.phaseMs.ledger),
        elapsed_ms: Math.round(elapsedMs),
        aggregate_cid: report.aggregateCid,
        resident_bytes: report.residentBytes === undefined ? null : Math.round(report.residentBytes),
      }
      metrics.write(`${METRIC_COLUMNS.map((column) => row[column] ?? '').join(',')}\n`)
    },
    writeSummary: (summary) =>
      writeFileAtomic(join(path, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`),
    async close() {
      events.end()
      metrics.end()
      await written.catch((error) => {
        throw new LabError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
      })
    },
  }
}
