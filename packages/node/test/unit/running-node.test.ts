import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.js'
import { silentLogger } from '../../src/logger.js'
import { createActivity } from '../../src/operate/activity.js'
import type { RoundsEnd } from '../../src/round/engine.js'
import { createRunningNode, type RunningNodeComponents } from '../../src/running-node.js'
import type { NetworkHandlers } from '../../src/transport/network.js'

/** A node whose rounds never end by themselves, and the handlers that its network got. */
function waitingNode(takesPart: boolean) {
  let handlers: NetworkHandlers | undefined
  let finish!: () => void
  const rounds = new Promise<RoundsEnd>((resolve) => {
    finish = () => resolve({})
  })
  const stopped: string[] = []
  const node = createRunningNode(
    {
      logger: silentLogger,
      accusations: { stop: () => undefined },
      activity: createActivity(systemClock),
      membership: { onNews: () => () => undefined, saved: async () => undefined },
      engine: {
        handlers: {},
        state: { neighbours: new Map() },
        run: () => rounds,
        stop: async () => finish(),
      },
      network: {
        addresses: () => [],
        start: async (given: NetworkHandlers) => {
          handlers = given
        },
        stop: async () => void stopped.push('network'),
      },
      state: { firstRound: 0 },
    } as unknown as RunningNodeComponents,
    { peerId: 'me', refusals: new Map(), stay: false, takesPart: () => takesPart },
    {},
  )
  return {
    node,
    stopped,
    finish,
    refuse: (peer: string, code: string) => handlers!.refused(peer, code, 'no'),
  }
}

describe('a node that meets another with its own key', () => {
  it('ends with the error while it waits to begin', async () => {
    const { node, stopped, refuse } = waitingNode(false)
    const run = node.run()
    await Promise.resolve()
    refuse('other', 'E_WRONG_RUN')
    refuse('me', 'E_KEY')
    await expect(run).rejects.toMatchObject({ code: 'E_KEY', message: 'no' })
    expect(stopped).toEqual(['network'])
  })

  it('goes on when it already takes part', async () => {
    const { node, finish, refuse } = waitingNode(true)
    const run = node.run()
    await Promise.resolve()
    refuse('me', 'E_KEY')
    finish()
    await expect(run).resolves.toEqual({})
  })
})
