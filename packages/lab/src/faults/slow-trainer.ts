import { type Clock, sleep } from '@tempered/node'
import type { ProcessTrainer, Trainer, TrainerService } from '@tempered/train'

type Train = Trainer['train']

/**
 * Training that takes `factor()` times as long. It trains, which includes waiting for other nodes of the process, and
 * then waits for the remaining time. Factors are at least 1 and may change between rounds.
 */
function slowTrain(train: Train, clock: Clock, factor: () => number): Train {
  return async (request, signal) => {
    const begun = clock.monotonicMs()
    const result = await train(request, signal)
    const extraMs = (factor() - 1) * (clock.monotonicMs() - begun)
    if (extraMs > 0) await sleep(clock, extraMs, signal)
    return result
  }
}

/** A trainer service whose trainers are slow in this way. */
export function slowTrainers(service: TrainerService, clock: Clock, factor: () => number): TrainerService {
  return {
    backend: service.backend,
    close: () => service.close(),
    async open(spec) {
      const trainer = await service.open(spec)
      return {
        task: trainer.task,
        parameterCount: trainer.parameterCount,
        setParameters: (flat) => trainer.setParameters(flat),
        getParameters: (out) => trainer.getParameters(out),
        evaluate: (request, signal) => trainer.evaluate(request, signal),
        dispose: () => trainer.dispose(),
        train: slowTrain((request, signal) => trainer.train(request, signal), clock, factor),
      }
    },
  }
}

/** A trainer in a process of its own that is slow in this way. */
export function slowTrainer(trainer: ProcessTrainer, clock: Clock, factor: () => number): ProcessTrainer {
  return {
    parameterCount: trainer.parameterCount,
    data: trainer.data,
    setParameters: (flat) => trainer.setParameters(flat),
    getParameters: (out) => trainer.getParameters(out),
    evaluate: (request, signal) => trainer.evaluate(request, signal),
    losses: (models, round, limit, signal) => trainer.losses(models, round, limit, signal),
    dispose: () => trainer.dispose(),
    close: () => trainer.close(),
    train: slowTrain((request, signal) => trainer.train(request, signal), clock, factor),
  }
}
