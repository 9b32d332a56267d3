/** Number of nodes that this process currently runs, over all its runs. */
let played = 0

/** Call it when `nodes` nodes start in this process, and the function that it returns when they are done. */
export function shareMemory(nodes: number): () => void {
  played += nodes
  return () => {
    played -= nodes
  }
}

/** Resident memory of this process divided by the number of nodes that it runs, in bytes. */
export function residentShare(): number {
  return process.memoryUsage.rss() / Math.max(1, played)
}
