import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { versions } from '@tempered/lab'
import {
  INVERTIBLE,
  type Inversion,
  type InversionPicture,
  type InversionSummary,
  type InvertibleModel,
  imagesOf,
  inversionSheet,
  invertRound,
  summariseInversions,
} from '@tempered/lab/gradient-inversion'
import { estimateText, intervalName } from '@tempered/lab/measures'
import { counted, percent } from '@tempered/lab/text'
import { writeFileAtomic } from '@tempered/node'
import { cacheFolder, createTrainerService, loadData, makeFolder } from '@tempered/train'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { foldedTable, widthOf } from '../terminal/table.js'

export interface LabInversionOptions {
  readonly model?: InvertibleModel
  readonly batches: readonly number[]
  readonly steps: number
  readonly members: number
  readonly threshold: number
  readonly range: number
  readonly classes?: number
  readonly warmUp: number
  readonly seeds: readonly number[]
  readonly out?: string
  readonly force?: boolean
  readonly json?: boolean
}

/** How nodes train by default. */
const TRAINING = { batchSize: 32, learningRate: 0.05, momentum: 0.9 } as const
/** Columns of a picture: rounds of several seeds beside each other. */
const MOST_COLUMNS = 16

/** `tempered lab inversion`: what a curious member makes of another one's round, without and with privacy, in a table. */
export async function labInversion(options: LabInversionOptions): Promise<void> {
  const { batches, steps, members, threshold, range, classes, warmUp, seeds } = options
  if (options.out !== undefined && options.force !== true && (await exists(options.out)))
    throw new CliError('E_USAGE', `${options.out} already exists; give --force, or another --out`)
  const source = await loadData({ source: 'mnist' }, cacheFolder())
  const images = imagesOf(source)
  const models = options.model === undefined ? INVERTIBLE : [options.model]
  const trainings = [
    ...batches.map((batchSize) => ({ ...TRAINING, batchSize, steps: 1 })),
    ...(steps === 0 ? [] : [{ ...TRAINING, steps }]),
  ]
  const rounds = models.flatMap((model) => trainings.map((training) => ({ model, training })))
  const results: Inversion[] = []
  const sheets = new Map<string, InversionPicture[]>()
  const service = await createTrainerService({ backend: 'simd' })
  try {
    for (const { model, training } of rounds) {
      process.stderr.write(
        `${model}, ${trainingText(training)}: ${counted(seeds.length, 'round')} of ${counted(members, 'member')}\n`,
      )
      for (const seed of seeds) {
        const found = await invertRound({
          ...{ images, service, model, training, warmUp, members, threshold, range, seed },
          classesEach: classes,
        })
        const { pictures, ...result } = found
        results.push(found)
        if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
        const name = `${model}-${training.steps}x${training.batchSize}.png`
        sheets.set(name, [...(sheets.get(name) ?? []), ...pictures].slice(0, MOST_COLUMNS))
      }
    }
  } finally {
    await service.close()
  }
  const summaries = summariseInversions(results)
  const out = options.json ? process.stderr : process.stdout
  out.write(`${renderSummaries(summaries, threshold, widthOf(out)).join('\n')}\n\n${legend(options)}\n`)
  const shortened = results.filter((result) => result.shortened > 0).length
  if (shortened > 0)
    process.stderr.write(
      `${pc.yellow(`in ${counted(shortened, 'round')} of ${results.length} models were beyond --range ${range} and were shortened, which spoils the sum; raise it`)}\n`,
    )
  if (options.out === undefined) return
  await makeFolder(options.out)
  for (const [name, pictures] of sheets)
    await writeFileAtomic(join(options.out, name), await inversionSheet(pictures, images.shape))
  const settings = { models, trainings, members, threshold, range, classes, warmUp, seeds }
  const rows = results.map(({ pictures: _, ...result }) => result)
  await writeFileAtomic(
    join(options.out, 'result.json'),
    `${JSON.stringify({ settings, versions: versions(), summaries, results: rows }, null, 1)}\n`,
  )
  out.write(`\nresults and pictures: ${options.out}\n`)
}

function trainingText({ steps, batchSize }: { readonly steps: number; readonly batchSize: number }): string {
  return `${counted(steps, 'step')} of ${batchSize}`
}

function renderSummaries(summaries: readonly InversionSummary[], threshold: number, width: number): string[] {
  const seen = {
    update: 'update',
    shares: `private: ${counted(threshold, 'share')}`,
    distances: 'private: distances',
    sum: 'private: sum',
  }
  const share = (estimated: InversionSummary['labels']): string =>
    estimateText(estimated, (value) => percent(value))
  const plain = (estimated: InversionSummary['labels']): string => percent(estimated?.mean)
  const head = [
    ...['model', 'training', 'what is seen', 'whose'],
    ...['labels right', 'blind', 'nearest is theirs', 'chance', 'recovered', 'decoys'],
  ]
  const rows = summaries.map((one) => [
    ...[one.model, trainingText(one), seen[one.view], one.of],
    ...[share(one.labels), plain(one.labelChance), share(one.matched), plain(one.chance)],
    ...[share(one.recovered), plain(one.decoysRecovered)],
  ])
  return foldedTable([head, ...rows], new Set([4, 5, 6, 7, 8, 9]), width, 4)
}

function legend({ seeds, members, threshold }: LabInversionOptions): string {
  const interval = seeds.length > 1 ? `, [${intervalName(seeds.length)}]` : ''
  return (
    `mean over seeds${interval}; group: anybody but the ${threshold} of ${members} members that work together\n` +
    'labels right: whichever image they belong to; blind: every class equally often\n' +
    'pair: labels that the two members at the smallest distance share; blind: any two\n' +
    'nearest is theirs: reconstructions whose nearest image was trained on, among decoys of the same classes\n' +
    'recovered: images with a reconstruction that correlates by 0.9 or more; decoys: the same of images that nobody used'
  )
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
