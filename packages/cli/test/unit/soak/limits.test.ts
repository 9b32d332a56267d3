import { describe, expect, it } from 'vitest'
import { createManualClock, settle } from '../../../../node/test/support/manual-clock.js'
import { END_MS, endNode } from '../../../src/soak/end-node.js'
import { JOIN_MS, observeNodes } from '../../../src/soak/observed-nodes.js'
import { Overdue, within } from '../../../src/soak/overdue.js'
import { carryOut } from '../../../src/soak/soak-faults.js'
import type { SoakNode } from '../../../src/soak/soak-node.js'

/** A node without a process: it ends at the signals that it obeys, and joins nobody. */
function plainNode(obeys: readonly NodeJS.Signals[]) {
  const signals: NodeJS.Signals[] = []
  const start = () => {
    let end!: (how: string) => void
    const ended = new Promise<string>((resolve) => {
      end = resolve
    })
    return { ended, end, isOver: false }
  }
  let process = start()
  const node: SoakNode = {
    name: 'n3',
    folder: '/nowhere/n3',
    metricsPort: 1,
    starts: 1,
    get isRunning() {
      return !process.isOver
    },
    get pid() {
      return process.isOver ? undefined : 2 ** 30
    },
    start: async () => {
      process = start()
    },
    signal(signal) {
      if (process.isOver) return
      signals.push(signal)
      if (obeys.includes(signal)) end(signal)
    },
    ended: () => process.ended,
    lastWords: async () => 'its last words',
  }
  const end = (how: string): void => {
    process.isOver = true
    process.end(how)
  }
  return { node, signals, end }
}

describe('the limits of a soak', () => {
  it('hold for whatever it waits for', async () => {
    const clock = createManualClock()
    const late = within(clock, 1000, 'the thing', new Promise(() => undefined))
    clock.advance(1000)
    await expect(late).rejects.toThrow(Overdue)
    await expect(late).rejects.toThrow('the thing: not over after 1 s')
    expect(await within(clock, 1000, 'another', Promise.resolve(7))).toBe(7)
    await expect(within(clock, 1000, 'a third', Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(clock.pending).toBe(0)
  })

  it('a node that does not end at SIGTERM is a finding, and is killed', async () => {
    const clock = createManualClock()
    const { node, signals } = plainNode(['SIGKILL'])
    const ending = endNode(clock, node, 'SIGTERM')
    clock.advance(END_MS)
    expect(await ending).toMatch(/^n3: process \d+ had not ended 120 s after SIGTERM; .* its last words$/)
    expect(signals).toEqual(['SIGTERM', 'SIGKILL'])
  })

  it('a node that ends in time is none', async () => {
    const { node, signals } = plainNode(['SIGTERM'])
    expect(await endNode(createManualClock(), node, 'SIGTERM')).toBeUndefined()
    expect(signals).toEqual(['SIGTERM'])
  })

  it('a process that not even SIGKILL ends keeps nobody waiting', async () => {
    const clock = createManualClock()
    const ending = endNode(clock, plainNode([]).node, 'SIGTERM')
    clock.advance(END_MS)
    await settle()
    clock.advance(END_MS)
    expect(await ending).toContain('SIGTERM')
  })

  it('a node that has ended before it joined is reported at once, with how it ended', async () => {
    const { node, end } = plainNode([])
    const observed = observeNodes([node], new AbortController().signal, createManualClock())
    end('exit code 7')
    await expect(observed.joined(0)).rejects.toThrow(/n3 ended by itself .*\(exit code 7\).*its last words/)
  })

  it('a node that never joins is reported when its time is over', async () => {
    const clock = createManualClock()
    const observed = observeNodes([plainNode([]).node], new AbortController().signal, clock)
    const joining = observed.joined(0).then(
      () => 'joined',
      (error: Error) => error.message,
    )
    let outcome: string | undefined
    void joining.then((text) => {
      outcome = text
    })
    for (let turns = 0; outcome === undefined && turns < 100_000; turns++) {
      clock.advance(JOIN_MS / 100)
      await settle()
    }
    expect(outcome).toMatch(/n3 has closed no round within 300 s/)
  })

  it('a fault of a node that does not stop is carried out all the same, and reported', async () => {
    const clock = createManualClock()
    const { node, signals } = plainNode(['SIGKILL'])
    const findings: string[] = []
    let starts = 0
    const done = carryOut(
      node,
      { kind: 'stop', forMs: 10, failpoint: undefined },
      {
        clock,
        start: async () => {
          starts += 1
        },
        report: (finding) => void findings.push(finding),
      },
      new AbortController().signal,
    )
    clock.advance(END_MS)
    await settle()
    clock.advance(10)
    await done
    expect(signals).toEqual(['SIGTERM', 'SIGKILL'])
    expect(findings).toHaveLength(1)
    expect(starts).toBe(1)
  })
})
