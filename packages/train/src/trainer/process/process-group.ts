/** Groups of processes: a trainer and what it has started. They end with the process that started them. */

/** Windows has no process groups; there only the trainer itself is ended. */
export const OWN_GROUP = process.platform !== 'win32'

/** Kills a group, or what is left of it. */
export function killGroup(pid: number): void {
  try {
    process.kill(OWN_GROUP ? -pid : pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

const running = new Set<number>()
const killAll = (): void => {
  for (const pid of running) killGroup(pid)
}

/** Kills the group when this process exits in whatever way but a kill. Returns how to forget it. */
export function trackGroup(pid: number): () => void {
  if (running.size === 0) process.once('exit', killAll)
  running.add(pid)
  return () => {
    running.delete(pid)
    if (running.size === 0) process.off('exit', killAll)
  }
}
