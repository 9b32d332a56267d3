/**
 * One simulation, `simulation-process.ts <nodes> <rounds>`; prints its figures as JSON. Each node needs a sample: for more
 * nodes than there are digits, the digits are repeated.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRecordedRun } from '@tempered/lab/run'
import { planRun, scenarioSchema } from '@tempered/lab/scenario'
import { startSimulation } from '@tempered/lab/simulate'
import { cacheFolder, type DataSource, inputArray, loadData } from '@tempered/train'

export interface SimulationFigures {
  /** From planning to the last ledger. */
  readonly seconds: number
  /** Largest resident set of the process, 10⁶ bytes; libraries and data included. */
  readonly peakMegabytes: number
  /** In [0, 1], after the last round. */
  readonly meanAccuracy: number
}

/** IDX files of the digits in a temporary folder, the training ones `times` times over. */
async function repeatedDigits({ train, test }: DataSource, times: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tempered-digits-'))
  for (const [name, part, copies] of [
    ['train', train, times],
    ['t10k', test, 1],
  ] as const) {
    const count = part.count * copies
    const header = (...sizes: number[]): Buffer => {
      const bytes = Buffer.alloc(4 + 4 * sizes.length)
      bytes.writeUInt32BE(0x0800 + sizes.length)
      sizes.forEach((size, k) => {
        bytes.writeUInt32BE(size, 4 + 4 * k)
      })
      return bytes
    }
    const repeated = (array: Uint8Array): Buffer[] => Array.from({ length: copies }, () => Buffer.from(array))
    const images = [header(count, 28, 28), ...repeated(inputArray(part) as Uint8Array)]
    const labels = [header(count), ...repeated(part.targets as Uint8Array)]
    await writeFile(join(folder, `${name}-images-idx3-ubyte`), Buffer.concat(images))
    await writeFile(join(folder, `${name}-labels-idx1-ubyte`), Buffer.concat(labels))
  }
  return folder
}

const [nodes, rounds] = process.argv.slice(2).map(Number) as [number, number]
const cache = cacheFolder()
const digits = await loadData({ source: 'mnist' }, cache)
const times = Math.ceil(nodes / digits.train.count)
const source = times === 1 ? 'mnist' : await repeatedDigits(digits, times)
const scenario = scenarioSchema.parse({
  name: 'bench',
  nodes,
  topology: { name: 'k-regular', params: { k: 10 } },
  data: { source, split: { kind: 'iid' } },
  model: 'softmax',
  training: { rounds, localSteps: 5, learningRate: 0.05 },
  rule: { name: 'balance', params: { gamma: 1, kappa: 0.1 } },
  adversaries: [{ fraction: 0.2, attack: { name: 'sign-flip-model' } }],
  evaluation: { every: rounds, samples: 500 },
  keepRounds: 2,
})
const begun = performance.now()
const plan = planRun(scenario, await loadData({ source }, cache))
const run = await startRecordedRun({
  plan,
  folder: '',
  cacheFolder: cache,
  workers: availableParallelism(),
  logLevel: 'silent',
  stage: startSimulation,
  writeFiles: false,
  onEvent: () => undefined,
})
const score = await run.finish()
if (source !== 'mnist') await rm(source, { recursive: true })
if (score.failed.length > 0 || score.ledgers.valid < nodes)
  throw new Error(`the simulation of ${nodes} nodes failed: ${JSON.stringify(score.failed.slice(0, 3))}`)
const figures: SimulationFigures = {
  seconds: (performance.now() - begun) / 1000,
  peakMegabytes: (process.resourceUsage().maxRSS * 1024) / 1e6,
  meanAccuracy: score.mean ?? Number.NaN,
}
console.log(JSON.stringify(figures))
