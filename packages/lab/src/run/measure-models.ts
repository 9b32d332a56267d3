import { manifestTask } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { type BackendChoice, cacheFolder, createTrainerService, loadData, type Metric } from '@tempered/train'

/** The task's first metric on test samples, by name of the model; null for a missing model. */
export interface MeasuredModels {
  readonly metric: Metric
  readonly source: string
  /** Test samples of the source, all of which were used. */
  readonly samples: number
  readonly recorded: number | null
  readonly without: number | null
  readonly plain: number | null
}

type Measured = 'recorded' | 'without' | 'plain'

/**
 * Measures models of a run on all test samples of a source (`mnist`, or a file or folder).
 * Throws E_CONFIG for data that the run's model does not take, DataError, TrainError.
 */
export async function measureModels(
  run: Run,
  data: string,
  backend: BackendChoice,
  models: Readonly<Record<Measured, Float32Array | undefined>>,
): Promise<MeasuredModels> {
  const { manifest } = run
  const task = manifestTask(manifest)
  const source = await loadData({ source: data }, cacheFolder(), task)
  const { train, test } = source
  const service = await createTrainerService({ backend })
  try {
    const trainer = await service.open({
      task: task.task,
      train: { ...train, indices: Uint32Array.of(0) },
      test,
      nodeId: 0,
      seed: manifest.seed,
    })
    const measure = async (parameters: Float32Array | undefined): Promise<number | null> => {
      if (parameters === undefined) return null
      trainer.setParameters(parameters)
      return (await trainer.evaluate()).primary
    }
    return {
      metric: task.primary,
      source: data,
      samples: test.count,
      recorded: await measure(models.recorded),
      without: await measure(models.without),
      plain: await measure(models.plain),
    }
  } finally {
    await service.close()
  }
}
