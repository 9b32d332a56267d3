/** Nodes that this process plays at the moment, of all runs in it. */
let played = 0

/** To be called when so many nodes begin to be played here; returns what is to be called when they are done. */
export function shareMemory(nodes: number): () => void {
  played += nodes
  return () => {
    played -= nodes
  }
}

/** Resident memory of this process by the number of nodes that it plays, bytes. */
export function residentShare(): number {
  return process.memoryUsage.rss() / Math.max(1, played)
}
