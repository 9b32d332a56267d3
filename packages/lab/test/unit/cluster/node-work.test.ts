import { TrainError } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { reportEnd } from '../../../src/cluster/node-work.js'

/** What is sent and logged when the work of node 3 ends like this. */
async function endOf(work: Promise<void>, isStopping: boolean) {
  const stopping = new AbortController()
  if (isStopping) stopping.abort()
  const sent: object[] = []
  const logged: object[] = []
  await reportEnd(work, {
    index: 3,
    name: 'node-03',
    stopping: stopping.signal,
    logger: { error: (about) => logged.push(about) },
    send: (message) => sent.push(message),
  })
  return { sent, logged }
}

const failure = new TrainError('E_TRAINER_CRASHED', 'the trainer ended with exit code 5')
const aborted = new TrainError('E_TRAIN_ABORTED', 'stopped on request')

describe('reportEnd', () => {
  it.each([false, true])('reports a node that is done, stopping: %s', async (isStopping) => {
    expect(await endOf(Promise.resolve(), isStopping)).toEqual({
      sent: [{ type: 'done', index: 3 }],
      logged: [],
    })
  })

  it.each([false, true])('reports a node that fails, stopping: %s', async (isStopping) => {
    expect(await endOf(Promise.reject(failure), isStopping)).toEqual({
      sent: [{ type: 'failed', index: 3, code: 'E_TRAINER_CRASHED', message: failure.message }],
      logged: [{ err: failure, node: 'node-03' }],
    })
  })

  it('says nothing of a trainer whose start the stop has ended, but of one that was aborted otherwise', async () => {
    expect(await endOf(Promise.reject(aborted), true)).toEqual({ sent: [], logged: [] })
    expect((await endOf(Promise.reject(aborted), false)).sent).toMatchObject([{ type: 'failed' }])
  })
})
