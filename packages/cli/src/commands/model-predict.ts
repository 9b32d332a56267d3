import { once } from 'node:events'
import { type BackendChoice, cacheFolder, loadSamples, openPredictor, type Prediction } from '@tempered/train'
import { findUsable } from './model-source.js'

export interface ModelPredictOptions {
  /** 1-based. */
  readonly round?: number
  readonly data: string
  readonly backend?: BackendChoice
  readonly blobs?: readonly string[]
}

/** `tempered model predict`: one line of JSON per sample of a source, in its order. */
export async function modelPredict(path: string, options: ModelPredictOptions): Promise<void> {
  const { task, parameters } = await findUsable(path, options.round, options.blobs)
  const predictor = await openPredictor(task, parameters, options.backend)
  const notices: string[] = []
  const samples = await loadSamples(options.data, cacheFolder(), task, notices)
  for (const notice of notices) process.stderr.write(`note: ${notice}\n`)
  const { places } = samples
  let sample = 0
  const numbered = (prediction: Prediction): string => {
    const place = places === undefined ? {} : { [places.of]: places.numbers[sample] }
    sample += 1
    return `${JSON.stringify({ sample, ...place, ...prediction })}\n`
  }
  for await (const predictions of predictor.predictions(samples)) {
    const lines = predictions.map(numbered)
    if (!process.stdout.write(lines.join(''))) await once(process.stdout, 'drain')
  }
}
