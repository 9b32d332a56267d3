/** `pnpm bench`: runs every benchmark and writes the tables of docs/benchmarks.md. */

import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { benchLedger } from '../../node/bench/ledger.bench.js'
import {
  benchPrivateRounds,
  type Cost,
  type PrivateRoundsRow,
} from '../../node/bench/private-rounds.bench.js'
import { benchTransfer } from '../../node/bench/transfer.bench.js'
import { kernelReport, threadsReport } from '../../robust-agg/bench/kernel-report.js'
import { benchPrivateWork, benchVerifiableDealing } from '../../secagg/bench/private-work.bench.js'
import { benchBatching, benchGas, dollars } from '../../settlement/bench/gas.bench.js'
import { benchDisk, type DiskBenchRow } from '../../train/bench/disk.bench.js'
import { benchEngines, caseText } from '../../train/bench/engines.bench.js'
import { benchClusters } from './cluster.bench.js'
import { benchLedgerShare } from './ledger-share.bench.js'
import { benchSimulations } from './simulation.bench.js'
import { benchStrangers } from './strangers.bench.js'

const docs = (name: string): string => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url))
/** Where a section's table goes; docs/benchmarks.md unless said otherwise. */
const FILES: Readonly<Record<string, string>> = {
  ledger: docs('ledger.md'),
  'ledger-share': docs('ledger.md'),
  gas: docs('settlement.md'),
  batching: docs('settlement.md'),
}
const fileOf = (name: string): string => FILES[name] ?? docs('benchmarks.md')

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map((_, k) => (k === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
const count = (value: number): string => Math.round(value).toLocaleString('en-US')

function diskTables(rows: readonly DiskBenchRow[]): Record<string, string> {
  const megabytes = (value: number): string => count(value / 1e6)
  return {
    'disk-rates': table(
      [
        'source',
        'model',
        'from memory, samples/s',
        'from disk, held by the system',
        'of memory',
        'from disk alone',
        'of memory',
      ],
      rows.flatMap(({ source, model, rates }) => {
        if (rates === undefined) return []
        const { memory, disk, cold } = rates
        const coldTexts = cold === undefined ? ['–', '–'] : [count(cold), (cold / memory).toFixed(2)]
        return [[source, model, count(memory), count(disk), (disk / memory).toFixed(2), ...coldTexts]]
      }),
    ),
    'disk-memory': table(
      ['source', 'file, MB', 'samples, MB', 'read in, s', 'MB before', 'MB at the peak'],
      rows.flatMap(({ source, again, sourceBytes, sampleBytes, loadSeconds, startMb, peakMb }) =>
        again
          ? []
          : [
              [
                source,
                ...[sourceBytes, sampleBytes].map(megabytes),
                ...[loadSeconds, startMb, peakMb].map(count),
              ],
            ],
      ),
    ),
  }
}

/** Each section's texts, by the marker between which they go. */
const sections: Record<string, () => Promise<string | Record<string, string>>> = {
  kernels: () =>
    kernelReport({ quick: false, rowCounts: undefined, lengths: undefined, only: '', withPeers: true }),
  'kernel-threads': threadsReport,
  async training() {
    const { rows, yardstick } = await benchEngines()
    const ratio = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(2))
    return {
      'training-yardstick': yardstick,
      training: table(
        ['model', 'engine', 'samples/s', 'of PyTorch', 'of tfjs'],
        rows.map((row) => [
          caseText(row),
          row.engine,
          count(row.samplesPerSecond),
          ratio(row.ratioToPytorch),
          ratio(row.ratioToTfjs),
        ]),
      ),
    }
  },
  async disk() {
    return diskTables(await benchDisk())
  },
  async transfer() {
    const rows = await benchTransfer()
    return table(
      [
        'model',
        'bytes',
        'from memory, MB/s',
        'from disk, MB/s',
        'noise + yamux, MB/s',
        'raw TCP, MB/s',
        'of noise + yamux',
        'of raw TCP',
      ],
      rows.map((row) => [
        row.name,
        count(row.bytes),
        count(row.memoryMegabytesPerSecond),
        count(row.diskMegabytesPerSecond),
        count(row.bareMegabytesPerSecond),
        count(row.rawTcpMegabytesPerSecond),
        (row.memoryMegabytesPerSecond / row.bareMegabytesPerSecond).toFixed(2),
        (row.memoryMegabytesPerSecond / row.rawTcpMegabytesPerSecond).toFixed(2),
      ]),
    )
  },
  async ledger() {
    const rows = await benchLedger()
    return table(
      ['neighbours', 'bytes per entry', 'appends/s (fsync each)', 'verified entries/s', 'replayed rounds/s'],
      rows.map((row) => [
        String(row.neighbours),
        count(row.bytesPerEntry),
        count(row.appendsPerSecond),
        count(row.verifiesPerSecond),
        count(row.replaysPerSecond),
      ]),
    )
  },
  async 'ledger-share'() {
    const rows = await benchLedgerShare()
    return table(
      ['model, nodes', 'round, ms', 'ledger, ms', 'share'],
      rows.map((row) => [
        `${row.model}, ${row.nodes}`,
        count(row.roundMs),
        row.ledgerMs.toFixed(1),
        `${((100 * row.ledgerMs) / row.roundMs).toFixed(1)} %`,
      ]),
    )
  },
  async 'private-work'() {
    const ms = (value: number): string => (value < 10 ? value.toFixed(1) : count(value))
    return table(
      [
        'members',
        'threshold',
        'parameters',
        'deal, ms',
        'test, ms',
        'distances, ms',
        'sum, ms',
        'all, ms',
        'without privacy, ms',
        'sent, in models',
      ],
      benchPrivateWork().map((row) => [
        ...[row.members, row.threshold, row.parameterCount].map(count),
        ...[row.deal, row.test, row.distances, row.sum, row.total, row.plain].map(ms),
        row.sent.toFixed(1),
      ]),
    )
  },
  async 'verifiable-dealing'() {
    return table(
      [
        'members',
        'threshold',
        'parameters',
        'low-degree test, holder, ms',
        'Feldman, dealer, s',
        'Feldman, holder, s',
        'Feldman, in models',
      ],
      benchVerifiableDealing().map((row) => [
        ...[row.members, row.threshold, row.parameterCount].map(count),
        row.testHolder.toFixed(2),
        row.feldmanDealer.toFixed(1),
        row.feldmanHolder.toFixed(1),
        count(row.feldmanModels),
      ]),
    )
  },
  async 'private-rounds'() {
    const rows = await benchPrivateRounds(
      Number(process.env.TEMPERED_BENCH_MEMBERS ?? Number.POSITIVE_INFINITY),
    )
    const three = ({ shares, masks, plain }: PrivateRoundsRow, what: keyof Cost): string[] =>
      [shares, masks, plain].map(({ [what]: value }) => (value < 10 ? value.toFixed(1) : count(value)))
    return table(
      [
        ...['members', 'threshold', 'parameters'],
        ...['work, ms: shares', 'masks', 'without'],
        ...['sent, in models: shares', 'masks', 'without'],
        ...['memory, MB: shares', 'masks', 'without'],
      ],
      rows.map((row) => [
        ...[row.members, row.threshold, row.parameterCount].map(count),
        ...three(row, 'work'),
        ...three(row, 'sent'),
        ...three(row, 'memory'),
      ]),
    )
  },
  async gas() {
    const rows = await benchGas()
    return table(
      ['call', 'gas', 'dollars on a layer 2'],
      rows.map(({ call, gas }) => [call, Number(gas).toLocaleString('en-US'), dollars(gas).toFixed(4)]),
    )
  },
  async batching() {
    const rows = await benchBatching()
    const number = (gas: bigint): string => Number(gas).toLocaleString('en-US')
    return table(
      [
        'members',
        'settled together, gas',
        'per member',
        'paid one by one, without model and shares',
        'per member',
      ],
      rows.map(({ members, settle, oneByOne }) => [
        String(members),
        number(settle),
        number(settle / BigInt(members)),
        number(oneByOne),
        number(oneByOne / BigInt(members)),
      ]),
    )
  },
  async simulations() {
    const rows = await benchSimulations()
    return table(
      ['nodes', 'rounds', 'minutes', 'ms per node and round', 'MB at the peak', 'MB a node', 'mean accuracy'],
      rows.map((row) => [
        count(row.nodes),
        String(row.rounds),
        (row.seconds / 60).toFixed(2),
        ((1000 * row.seconds) / row.nodes / row.rounds).toFixed(1),
        count(row.peakMegabytes),
        (row.peakMegabytes / row.nodes).toFixed(1),
        `${(100 * row.meanAccuracy).toFixed(1)} %`,
      ]),
    )
  },
  async clusters() {
    const rows = await benchClusters()
    return table(
      [
        'nodes',
        'processes',
        'first entry of all, s',
        'round without training, s',
        'MB resident',
        'MB a node',
        'MB sent and received per node and round',
      ],
      rows.map((row) => [
        String(row.nodes),
        String(row.processes),
        row.firstEntrySeconds.toFixed(2),
        row.secondsPerRound.toFixed(2),
        count(row.residentMegabytes),
        row.residentMegabytesPerNode.toFixed(1),
        (row.bytesPerNodeRound / 1e6).toFixed(2),
      ]),
    )
  },
  async strangers() {
    const rows = await benchStrangers()
    const [alone] = rows
    return table(
      [
        'strangers',
        'connections/s',
        'round, ms',
        'of alone',
        'processor time of a node per round, ms',
        'of alone',
      ],
      rows.map((row) => [
        row.phase,
        row.connectionsPerSecond.toFixed(1),
        count(row.roundMs),
        (row.roundMs / alone!.roundMs).toFixed(2),
        count(row.nodeCpuMs),
        (row.nodeCpuMs / alone!.nodeCpuMs).toFixed(2),
      ]),
    )
  },
}

const chosen = process.argv.slice(2)
const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`
for (const [name, run] of Object.entries(sections)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  console.error(`bench: ${name}`)
  const result = await run()
  for (const [marker, part] of Object.entries(typeof result === 'string' ? { [name]: result } : result)) {
    console.log(`\n${marker}\n${part}`)
    const path = fileOf(marker)
    const text = await readFile(path, 'utf8')
    const pattern = new RegExp(`(<!-- ${marker} -->\\n)[\\s\\S]*?(<!-- /${marker} -->)`)
    if (!pattern.test(text)) throw new Error(`${path} has no place for ${marker}`)
    const written = text
      .replace(pattern, (_all, begin: string, end: string) => `${begin}${part}\n${end}`)
      .replace(/<!-- machine -->.*/, `<!-- machine --> ${machine}`)
    await writeFile(path, written)
  }
}
