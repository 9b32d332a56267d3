import type { RoundReport } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { createLabelSet } from '../../../src/operate/label-set.js'
import { createNodeMetrics } from '../../../src/operate/node-metrics.js'
import { sampleStatus } from '../../support/sample-status.js'

const disk = async () => ({ stateBytes: 12, freeBytes: null })
const report = (reason: string, arrival: number | null, accepted: boolean) =>
  ({
    round: 0,
    trainingLoss: 0.5,
    testLoss: null,
    testMetric: null,
    phaseMs: { train: 2000, collect: 1000 },
    neighbours: [{ reason, arrival, accepted }],
  }) as unknown as RoundReport

async function samplesOf(metrics: ReturnType<typeof createNodeMetrics>): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

describe('the metrics of a node', () => {
  it('read its state when they are scraped', async () => {
    const samples = await samplesOf(createNodeMetrics({ status: sampleStatus, disk }))
    expect(Object.fromEntries(samples)).toMatchObject({
      tempered_ready: 1,
      tempered_round: 4,
      tempered_run_rounds: 10,
      tempered_ledger_entries: 3,
      tempered_ledger_final_entries: 2,
      tempered_state_bytes: 12,
      'tempered_info{version="0.1.0",run="bafyrun"}': 1,
      'tempered_phase{phase="collecting"}': 1,
      'tempered_phase{phase="training"}': 0,
      'tempered_neighbours{state="all"}': 2,
      'tempered_neighbours{state="up"}': 1,
      'tempered_neighbours{state="awaited"}': 1,
      'tempered_connections{direction="outbound",admitted="true"}': 1,
      'tempered_wire_bytes_total{direction="sent"}': 2000,
      'tempered_notices_total{kind="alone"}': 0,
      tempered_stranger_connections: 3,
      tempered_half_open_connections: 2,
      tempered_unread_bytes: 4096,
      tempered_banned_members: 1,
      'tempered_rejects_total{kind="announcement",code="E_RATE"}': 40,
    })
    // What is not known has no value.
    for (const name of ['tempered_disk_free_bytes', 'tempered_test_metric', 'tempered_training_loss'])
      expect(samples.has(name), name).toBe(false)
  })

  it('count what happens between two scrapes', async () => {
    const metrics = createNodeMetrics({ status: sampleStatus, disk })
    metrics.events.onRound?.(report('accepted', 0, true))
    metrics.events.onRound?.(report('distance-above-threshold', 0, false))
    metrics.events.onRound?.(report('deadline', null, false))
    metrics.events.onNotice?.({ kind: 'alone', round: 1 })
    metrics.events.onRefused?.('peer', 'E_WRONG_RUN', '')
    expect(Object.fromEntries(await samplesOf(metrics))).toMatchObject({
      tempered_rounds_closed_total: 3,
      'tempered_models_total{outcome="accepted",reason="accepted"}': 1,
      'tempered_models_total{outcome="rejected",reason="distance-above-threshold"}': 1,
      'tempered_models_total{outcome="absent",reason="deadline"}': 1,
      'tempered_round_phase_seconds_sum{phase="train"}': 6,
      tempered_round_seconds_count: 3,
      tempered_training_loss: 0.5,
      'tempered_notices_total{kind="alone"}': 1,
      'tempered_refused_peers_total{code="E_WRONG_RUN"}': 1,
    })
  })

  it('can be scraped before the node is open', async () => {
    const readyOf = async (waitsFor?: 'the chain' | 'a job') =>
      (await samplesOf(createNodeMetrics({ status: () => undefined, waitsFor: () => waitsFor, disk }))).get(
        'tempered_ready',
      )
    expect(await Promise.all([readyOf(), readyOf('the chain'), readyOf('a job')])).toEqual([0, 0, 1])
    const samples = await samplesOf(createNodeMetrics({ status: () => undefined, disk }))
    expect(samples.has('tempered_round')).toBe(false)
    expect(samples.get('tempered_rounds_closed_total')).toBe(0)
    expect(samples.get('process_start_time_seconds')).toBeGreaterThan(0)
  })

  it('keep codes and reasons that peers and modules make up within bounds', async () => {
    const metrics = createNodeMetrics({ status: sampleStatus, disk })
    for (let k = 0; k < 100; k++) {
      metrics.events.onRefused?.('peer', `E_MADE_UP_${k}`, '')
      metrics.events.onRound?.(report(`reason-${k}`, 0, true))
    }
    metrics.events.onRefused?.('peer', '"} 1\nfake', '')
    const names = [...(await samplesOf(metrics)).keys()]
    expect(names.filter((name) => name.startsWith('tempered_refused_peers_total')).length).toBeLessThan(25)
    expect(names.filter((name) => name.startsWith('tempered_models_total')).length).toBeLessThan(60)
    expect(names.join('\n')).not.toContain('fake')
    expect(names).toContain('tempered_refused_peers_total{code="other"}')
  })

  it('never name a peer', async () => {
    const text = await createNodeMetrics({ status: sampleStatus, disk }).render()
    expect(text).not.toContain('12D3Koo')
  })
})

describe('a set of labels', () => {
  it('takes codes up to its size', () => {
    const label = createLabelSet(2)
    expect(['a', 'b-c', 'd', 'a', '', '1x', 'x y'].map(label)).toEqual([
      'a',
      'b-c',
      'other',
      'a',
      'other',
      'other',
      'other',
    ])
  })
})
