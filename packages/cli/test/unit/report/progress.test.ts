import { describe, expect, it } from 'vitest'
import { createProgress, type Progress, rowsOf } from '../../../src/report/progress.js'

describe('rowsOf', () => {
  it('leaves room for all runs in the terminal', () => {
    expect([
      rowsOf(24, 1),
      rowsOf(60, 1),
      rowsOf(24, 2),
      rowsOf(10, 2),
      rowsOf(undefined, 1),
      rowsOf(0, 1),
    ]).toEqual([12, 12, 8, 3, 12, 12])
  })
})

describe('lines of rounds', () => {
  /** Three nodes and three rounds; nodes report as `events` say: `[node, round]`, or a node that is killed. */
  function told(events: readonly (readonly [number, number] | { readonly kill: number })[]): string[] {
    const lines: string[] = []
    const stream = {
      isTTY: false,
      write: (text: string) => lines.push(text),
    } as unknown as NodeJS.WriteStream
    const records = [0, 1, 2].map(() => ({ rounds: [] as unknown[] }))
    const run = {
      plan: {
        nodes: [0, 1, 2].map((index) => ({ index, name: `node-0${index}` })),
        scenario: { faults: [] },
        run: { manifest: { rule: { name: 'median' }, training: { rounds: 3 } } },
      },
      records,
    } as unknown as Parameters<Progress['event']>[0]
    const progress = createProgress(stream, stream)
    for (const what of events) {
      if ('kill' in what) {
        const action = { type: 'kill', at: 1, node: what.kill }
        progress.event(run, { type: 'fault', action } as never, 0)
        continue
      }
      const [index, round] = what
      const report = {
        round,
        testAccuracy: null,
        trainingLoss: 1,
        neighbours: [],
        bytesReceived: 0,
        bytesSent: 0,
      }
      records[index]!.rounds.push({ report, elapsedMs: 0 })
      progress.event(run, { type: 'round', index, report } as never, 0)
    }
    return lines.flatMap((line) => /round (\d)\/3/.exec(line)?.[1] ?? [])
  }

  it('come when the last node that is there has finished the round', () => {
    const rounds = [0, 1].flatMap((round) => [2, 0, 1].map((node) => [node, round] as const))
    expect(told(rounds.slice(0, 2))).toEqual([])
    expect(told(rounds.slice(0, 3))).toEqual(['1'])
    expect(told(rounds)).toEqual(['1', '2'])
  })

  it('do not wait for a node that was killed, and catch up when several rounds are over at once', () => {
    const ahead = [0, 1, 2].flatMap((round) => [[0, round] as const, [1, round] as const])
    expect(told(ahead)).toEqual([])
    expect(told([...ahead.slice(0, 4), { kill: 2 }, ...ahead.slice(4)])).toEqual(['1', '2', '3'])
  })

  it('end with the last round when nobody is left', () => {
    expect(told([{ kill: 0 }, { kill: 1 }, { kill: 2 }, [0, 0]])).toEqual(['1', '2', '3'])
  })
})
