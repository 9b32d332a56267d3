import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createProgress } from '../../../src/terminal/create-progress.js'
import { rowsOf } from '../../../src/terminal/live-table.js'
import type { Progress } from '../../../src/terminal/progress.js'

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

type Run = Parameters<Progress['event']>[0]
type Records = { readonly rounds: unknown[] }[]

/** Three nodes, three rounds, the coordinate median; nothing has been reported. */
function freshRun(): { run: Run; records: Records } {
  const records: Records = [0, 1, 2].map(() => ({ rounds: [] }))
  const run = {
    plan: {
      nodes: [0, 1, 2].map((index) => ({ index, name: `node-0${index}` })),
      scenario: { faults: [] },
      run: { manifest: { rule: { name: 'median' }, training: { rounds: 3 } } },
    },
    records,
  } as unknown as Run
  return { run, records }
}

function reportOf(round: number) {
  return { round, testMetric: null, trainingLoss: 1, neighbours: [], bytesReceived: 0, bytesSent: 0 }
}

function streamTo(lines: string[], isTTY: boolean): NodeJS.WriteStream {
  const write = (text: string) => lines.push(text)
  return { isTTY, columns: 120, rows: 40, write } as unknown as NodeJS.WriteStream
}

describe('the live table', () => {
  it('says which run it shows, and keeps the rows of its nodes', () => {
    const written: string[] = []
    const stream = streamTo(written, true)
    const { run, records } = freshRun()
    const progress = createProgress(stream, stream)
    progress.watch(run)
    const report = reportOf(1)
    records[2]!.rounds.push({ report, elapsedMs: 0 })
    progress.event(run, { type: 'round', index: 2, report } as never, 0, 'attacked, seed 7')
    progress.close()
    const shown = stripVTControlCharacters(written.join(''))
    expect(shown).toMatch(/^.*attacked, seed 7 {2}median .* 1\/9 node rounds$/m)
    expect(shown).toMatch(/^node-00 +honest +– /m)
    expect(shown).toMatch(/^node-02 +honest +2\/3 +1\.0/m)
  })
})

describe('before the first round', () => {
  const step = (index: number, step: string) => ({ type: 'step', index, step }) as never

  it('a terminal shows how many nodes have started, and for how long', () => {
    const written: string[] = []
    const stream = streamTo(written, true)
    const { run } = freshRun()
    const progress = createProgress(stream, stream)
    for (const index of [0, 2, 2]) progress.event(run, step(index, 'started'), 0)
    progress.event(run, step(0, 'trained'), 0)
    progress.close()
    expect(stripVTControlCharacters(written.join(''))).toContain(
      '2 of 3 nodes have started, 1 has trained (0 s)',
    )
  })

  it('other streams get a line per step', () => {
    const written: string[] = []
    const stream = streamTo(written, false)
    const { run } = freshRun()
    const progress = createProgress(stream, stream)
    for (const name of ['started', 'trained'])
      for (const index of [0, 1, 2, 0]) progress.event(run, step(index, name), 1500)
    expect(written).toEqual([
      '   1.5 s  median  all nodes have started\n',
      '   1.5 s  median  all nodes have trained their first model\n',
    ])
  })
})

describe('lines of rounds', () => {
  /** Three nodes and three rounds; nodes report as `events` say: `[node, round]`, or a node that is killed. */
  function written(
    events: readonly (readonly [number, number] | { readonly kill: number })[],
    about?: string,
  ): string[] {
    const lines: string[] = []
    const stream = streamTo(lines, false)
    const { run, records } = freshRun()
    const progress = createProgress(stream, stream)
    for (const what of events) {
      if ('kill' in what) {
        const action = { type: 'kill', at: 1, node: what.kill }
        progress.event(run, { type: 'fault', action } as never, 0)
        continue
      }
      const [index, round] = what
      const report = reportOf(round)
      records[index]!.rounds.push({ report, elapsedMs: 0 })
      progress.event(run, { type: 'round', index, report } as never, 0, about)
    }
    return lines
  }
  const told = (events: Parameters<typeof written>[0]): string[] =>
    written(events).flatMap((line) => /round (\d)\/3/.exec(line)?.[1] ?? [])

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

  it('say which run they are of', () => {
    const first = [0, 1, 2].map((node) => [node, 0] as const)
    expect(written(first)[0]).toContain('  median  round 1/3  ')
    expect(written(first, 'control, seed 7')[0]).toContain('  control, seed 7  median  round 1/3  ')
  })
})
