/** Number of nodes that this process currently runs, over all its runs. */
let played = 0

/** Call it when `nodes` nodes start in this process, and the function that it returns when they are done. */
export function shareMemory(nodes: number): () => void {
  played += nodes
  return () => {
    played -= nodes
  }
}

/** How long a reading counts: each costs a system call, and a simulation reports hundreds of rounds in that time. */
const READING_MS = 100
let resident = 0
let readAtMs = Number.NEGATIVE_INFINITY

/** Resident memory of this process divided by the number of nodes that it runs, in bytes; at most 100 ms old. */
export function residentShare(): number {
  const now = performance.now()
  if (now - readAtMs > READING_MS) {
    resident = process.memoryUsage.rss()
    readAtMs = now
  }
  return resident / Math.max(1, played)
}
