import type { LocalTraining } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { createAdversary } from '../../../src/adversary/adversary.js'
import { createHonestModels } from '../../../src/adversary/honest-models.js'
import { planRun } from '../../../src/scenario/plan.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'
import { createManualClock } from '../../support/manual-clock.js'
import { planData } from '../../support/small-data.js'

/** An attacker among three honest nodes, and honest training that adds 1 to every parameter. */
async function attacker(attack: object) {
  const plan = planRun(
    scenarioSchema.parse({
      nodes: 4,
      topology: 'complete',
      adversaries: [{ nodes: [1], attack, from: 2 }],
      training: { rounds: 5 },
    }),
    planData,
  )
  const clock = createManualClock()
  const adversary = createAdversary({
    node: { index: 1, attack: plan.nodes[1]!.attack },
    manifest: plan.run.manifest,
    topology: plan.topology,
    honest: [0, 2, 3],
    models: createHonestModels(plan.run.manifest.model.parameterCount, clock),
    clock,
    train: undefined,
  })
  const honest: LocalTraining = {
    async train(_round, parameters) {
      parameters.forEach((value, k) => {
        parameters[k] = value + 1
      })
      return { loss: 0.5 }
    },
    evaluate: async () => null,
    loss: async () => 0,
  }
  const training = (await adversary.wrapTraining?.(honest, async () => honest)) ?? honest
  return async (round: number, start: number): Promise<{ sent: number; own: number; loss: number }> => {
    const own = new Float32Array(plan.run.manifest.model.parameterCount).fill(start)
    const before = own.slice()
    const { loss } = await training.train(round, own)
    const sent = await adversary.publisher.prepare(round, own, before)
    return { sent: sent[0]!, own: own[0]!, loss }
  }
}

describe('an attacker that does not train', () => {
  it('has what it sends as its own model, from the first round of its attack on', async () => {
    const play = await attacker({ name: 'delta-weights' })
    expect(await play(0, 5)).toEqual({ sent: 6, own: 6, loss: 0.5 })
    expect(await play(1, 7)).toEqual({ sent: 7, own: 7, loss: Number.NaN })
    expect(await play(2, 9)).toEqual({ sent: 11, own: 11, loss: Number.NaN })
  })

  it('is a free rider that is told so; others train for themselves', async () => {
    const idle = await attacker({ name: 'free-rider', params: { noise: 0, idle: 1 } })
    expect(await idle(1, 5)).toEqual({ sent: 5, own: 5, loss: Number.NaN })
    const selfish = await attacker({ name: 'free-rider', params: { noise: 0 } })
    expect(await selfish(1, 5)).toEqual({ sent: 5, own: 6, loss: 0.5 })
  })
})
