import { type BackendChoice, cacheFolder, loadSamples, openPredictor } from '@tempered/train'
import { findModel } from './model-source.js'

export interface ModelPredictOptions {
  /** 1-based. */
  readonly round?: number
  readonly data: string
  readonly backend?: BackendChoice
  readonly blobs?: readonly string[]
}

/** `tempered model predict`: one line of JSON per sample of a source, in its order. */
export async function modelPredict(path: string, options: ModelPredictOptions): Promise<void> {
  const { task, parameters } = await findModel(path, options.round, { extra: options.blobs })
  const predictor = await openPredictor(task, parameters, options.backend)
  const notices: string[] = []
  const samples = await loadSamples(options.data, cacheFolder(), task, notices)
  for (const notice of notices) process.stderr.write(`note: ${notice}\n`)
  const predictions = await predictor.predict(samples)
  const lines = predictions.map((prediction, sample) => JSON.stringify({ sample: sample + 1, ...prediction }))
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}
