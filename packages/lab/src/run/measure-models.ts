import { manifestTask } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { type BackendChoice, cacheFolder, createTrainerService, loadData } from '@tempered/train'

/**
 * Share of the test samples that a model classifies correctly, in [0, 1], by name of the model; null for a missing
 * model.
 */
export interface Accuracies {
  readonly source: string
  /** Test samples of the source, all of which were used. */
  readonly samples: number
  readonly recorded: number | null
  readonly without: number | null
  readonly plain: number | null
}

type Measured = 'recorded' | 'without' | 'plain'

/**
 * Test accuracy of models of a run on all test samples of a source (`mnist` or a folder of IDX files).
 * Throws E_CONFIG for data that the run's model does not take, DataError, TrainError.
 */
export async function measureModels(
  run: Run,
  data: string,
  backend: BackendChoice,
  models: Readonly<Record<Measured, Float32Array | undefined>>,
): Promise<Accuracies> {
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
    const accuracyOf = async (parameters: Float32Array | undefined): Promise<number | null> => {
      if (parameters === undefined) return null
      trainer.setParameters(parameters)
      return (await trainer.evaluate()).primary
    }
    return {
      source: data,
      samples: test.count,
      recorded: await accuracyOf(models.recorded),
      without: await accuracyOf(models.without),
      plain: await accuracyOf(models.plain),
    }
  } finally {
    await service.close()
  }
}
