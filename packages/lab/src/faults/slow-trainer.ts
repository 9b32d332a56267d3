import { type Clock, sleep } from '@tempered/node'
import type { TrainerService } from '@tempered/train'

/**
 * A trainer service whose trainers take `factor()` times as long to train. They train, which includes waiting for other
 * nodes of the process, and then wait for the remaining time. Factors are at least 1 and may change between rounds.
 */
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
        async train(request, signal) {
          const begun = clock.monotonicMs()
          const result = await trainer.train(request, signal)
          const extraMs = (factor() - 1) * (clock.monotonicMs() - begun)
          if (extraMs > 0) await sleep(clock, extraMs, signal)
          return result
        },
      }
    },
  }
}
