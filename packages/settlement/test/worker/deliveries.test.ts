import type { DeliveryAnswer } from '@tempered/node'
import { blobCid } from '@tempered/protocol'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { Deliveries } from '../../src/worker/deliveries.js'
import type { Delivery, JobSite } from '../../src/worker/job-site.js'

const bytes = new TextEncoder().encode('a model')
const model = blobCid(bytes)
const idOf = (k: number): Hex => `0x${String(k).padStart(64, '0')}`
const delivery = (k: number, until = Number.POSITIVE_INFINITY): Delivery => ({
  ...{ job: idOf(k), model, where: [`/ip4/127.0.0.1/tcp/${4000 + k}`], until },
})

/** A node that owes these models, in a time that only its waiting moves on. Ends when it owes nothing, or after so long. */
async function bring(
  owed: readonly Delivery[],
  answerOf: (time: number, where: readonly string[]) => DeliveryAnswer | Error,
  { mostMs = 10_000_000, isKept = true, begun = owed } = {},
) {
  const stopping = new AbortController()
  const open = new Map(begun.map((one) => [one.job, one]))
  const attempts: number[] = []
  const log: string[] = []
  let time = 0
  const site: Pick<JobSite, 'undelivered' | 'owe' | 'delivered' | 'modelOf' | 'deliver'> = {
    undelivered: async () => [...open.values()],
    owe: async (one) => void open.set(one.job, one),
    delivered: async (job) => void open.delete(job),
    modelOf: async () => (isKept ? bytes : undefined),
    async deliver(where) {
      attempts.push(time)
      const answer = answerOf(time, where)
      if (answer instanceof Error) throw answer
      return answer
    },
  }
  const deliveries = new Deliveries({
    site: site as JobSite,
    signal: stopping.signal,
    pollMs: 1_000,
    async sleep(ms) {
      time += ms
      if (open.size === 0 || time > mostMs) stopping.abort()
      await Promise.resolve()
    },
    now: () => time,
    log: (_level, what) => log.push(what),
  })
  if (begun !== owed) for (const one of owed) await deliveries.add(one, 3_000)
  await deliveries.run()
  return { open, attempts, log, time }
}

describe('a model that a user has paid for', () => {
  it('is brought at once after a restart, and later by whom others go before', async () => {
    expect((await bring([delivery(1)], () => 'taken')).attempts).toEqual([0])
    expect((await bring([delivery(1)], () => 'taken', { begun: [] })).attempts).toEqual([3_000])
  })

  it('is brought to a user who is away for days, ever more rarely, with one line about it', async () => {
    const day = 86_400_000
    const away = (time: number) => (time < 3 * day ? new Error('nobody listens') : 'taken')
    const { attempts, log, open, time } = await bring([delivery(1)], away, { mostMs: 4 * day })
    expect(open.size).toBe(0)
    expect(attempts.slice(0, 4)).toEqual([0, 5_000, 15_000, 35_000])
    expect(time - 3 * day).toBeLessThan(700_000)
    expect(log.filter((line) => /cannot reach the user yet \(nobody listens\)/.test(line))).toHaveLength(1)
    expect(log.at(-1)).toMatch(/model delivered to the user/)
  })

  it.each<[DeliveryAnswer, number]>([
    ['taken', 1],
    ['have', 1],
    ['busy', 3],
    ['refused', 3],
  ])('that is answered with "%s" is offered %s times within 15 s', async (answer, count) => {
    const { attempts } = await bring([delivery(1)], () => answer, { mostMs: 15_500 })
    expect(attempts).toHaveLength(count)
  })

  it('is given up after its time, and when it is not there any more', async () => {
    const never = () => new Error('nobody listens')
    const late = await bring([delivery(1, 60_000)], never)
    expect(late.open.size).toBe(0)
    expect(late.time).toBeLessThan(200_000)
    const lost = await bring([delivery(1)], never, { isKept: false })
    expect(lost).toMatchObject({ attempts: [], open: new Map() })
  })

  it('does not wait for that of another job', async () => {
    const { open, attempts } = await bring(
      [delivery(1), delivery(2)],
      (_, [where]) => (where!.endsWith('4001') ? new Error('nobody listens') : 'taken'),
      { mostMs: 100_000 },
    )
    expect([...open.keys()]).toEqual([idOf(1)])
    expect(attempts.slice(0, 2)).toEqual([0, 0])
  })
})
