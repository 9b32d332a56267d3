import { type ChildProcess, fork } from 'node:child_process'
import type { CellReply, CellRequest } from './cell-messages.js'

/** Processes that run cells side by side. */
export interface CellPool {
  /** Runs a cell as soon as a process is free. Resolves with an error when its process dies; never rejects. */
  run(request: CellRequest): Promise<CellReply>
  /** Ends all processes; cells that are running resolve with E_STOPPED. */
  stop(): void
}

/** Number of cells after which a process is replaced, so that leaks do not accumulate over a long matrix. */
const CELLS_PER_PROCESS = 200

/** How long a process may take to exit after it was told to, ms. */
const EXIT_MS = 2_000

export function createCellPool(processes: number): CellPool {
  const waiting: { request: CellRequest; resolve: (reply: CellReply) => void }[] = []
  const children = new Set<ChildProcess>()
  let stopped = false

  const startSlot = (): void => {
    const child = fork(new URL('./cell-process.js', import.meta.url), { serialization: 'advanced' })
    children.add(child)
    let current: (typeof waiting)[number] | undefined
    let done = 0
    const settle = (reply: CellReply): void => {
      const finished = current
      current = undefined
      finished?.resolve(reply)
    }
    const next = (): void => {
      if (done >= CELLS_PER_PROCESS && waiting.length > 0) {
        child.disconnect()
        return
      }
      current = waiting.shift()
      if (current === undefined) idle.add(next)
      else child.send(current.request)
    }
    child.on('message', (reply: CellReply) => {
      done += 1
      settle(reply)
      next()
    })
    child.on('error', () => undefined)
    child.on('exit', (exitCode, signal) => {
      children.delete(child)
      idle.delete(next)
      if (current !== undefined) {
        const message = stopped
          ? 'the matrix was stopped'
          : `its process ended (${signal ?? `exit code ${exitCode}`})`
        settle({ id: current.request.id, error: { code: stopped ? 'E_STOPPED' : 'E_HOST_PROCESS', message } })
      }
      if (!stopped) startSlot()
    })
    next()
  }
  const idle = new Set<() => void>()
  for (let k = 0; k < processes; k++) startSlot()

  return {
    run: (request) =>
      new Promise((resolve) => {
        waiting.push({ request, resolve })
        const [wake] = idle
        if (wake === undefined) return
        idle.delete(wake)
        wake()
      }),
    stop() {
      stopped = true
      for (const { request, resolve } of waiting.splice(0))
        resolve({ id: request.id, error: { code: 'E_STOPPED', message: 'the matrix was stopped' } })
      // Without its launcher a process exits at once, and ends the trainers of its nodes.
      for (const child of children) {
        if (child.connected) child.disconnect()
        setTimeout(() => child.kill('SIGKILL'), EXIT_MS).unref()
      }
    },
  }
}
