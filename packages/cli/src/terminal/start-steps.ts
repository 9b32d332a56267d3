import type { RunEvent } from '@tempered/lab/events'
import type { RecordedRun } from '@tempered/lab/run'
import { counted } from '@tempered/lab/text'

/** How far the nodes of a run are before its first round ends. */
export interface StartSteps {
  /** Returns the step that all nodes have now done, the first time that they have. */
  note(event: RunEvent): 'started' | 'trained' | undefined
  /** `3 of 10 nodes have started, 1 has trained its first model`. */
  text(): string
  /** Whether a round has ended. */
  readonly over: boolean
}

export function createStartSteps(run: RecordedRun): StartSteps {
  const late = new Set(run.plan.scenario.faults.flatMap((fault) => fault.join ?? []))
  const wanted = run.plan.nodes.length - late.size
  const done = { started: new Set<number>(), trained: new Set<number>() }
  let over = false
  return {
    note(event) {
      if (event.type === 'round') over = true
      if (event.type !== 'step' || over || late.has(event.index)) return undefined
      const nodes = done[event.step]
      if (nodes.has(event.index)) return undefined
      nodes.add(event.index)
      return nodes.size === wanted ? event.step : undefined
    },
    text() {
      const { started, trained } = done
      return `${started.size} of ${counted(wanted, 'node')} ${started.size === 1 ? 'has' : 'have'} started, ${counted(trained.size, 'has', 'have')} trained`
    },
    get over() {
      return over
    },
  }
}
