import type { NodeEvents } from '@tempered/node'

type Listener = (...given: readonly unknown[]) => void

/** Events of a node that go to each of these in turn. */
export function allEvents(...listeners: readonly NodeEvents[]): NodeEvents {
  const named = listeners as readonly Readonly<Record<string, Listener | undefined>>[]
  const names = new Set(named.flatMap((one) => Object.keys(one)))
  const all: Record<string, Listener> = {}
  for (const name of names)
    all[name] = (...given) => {
      for (const one of named) one[name]?.(...given)
    }
  return all
}
