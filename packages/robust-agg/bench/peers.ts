/** Talks to peers.py, which times what Python peers do, in the Python that has NumPy; says so where there is none. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./peers.py', import.meta.url))

export interface PeerRequest {
  readonly case: string
  readonly n: number
  readonly d: number
  readonly seconds?: number
  readonly memory?: boolean
  readonly error?: number
}

/** One of these, or why there is none. */
export interface PeerReply {
  readonly ms?: number
  readonly bytes?: number
  readonly error?: number
  readonly skip?: string
}

export interface Peers {
  /** What answers, for the report: "NumPy 1.24.2, PyTorch 1.13 on Python 3.11", or why nothing does. */
  readonly description: string
  has(name: string): boolean
  ask(request: PeerRequest): Promise<PeerReply>
  close(): void
}

const ONE_THREAD = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }

function findPython(): string | null {
  const names = [process.env.TEMPERED_PYTHON, 'python3', '/usr/bin/python3', 'python']
  const able = (name: string): boolean => spawnSync(name, ['-c', 'import numpy']).status === 0
  return names.find((name): name is string => name !== undefined && able(name)) ?? null
}

/** Used when no peer process answers. */
export function noPeers(why: string): Peers {
  return {
    description: `Peers: ${why}`,
    has: () => false,
    ask: async () => ({ skip: why }),
    close: () => {},
  }
}

/** Starts peers.py; its answers come one at a time, in the order of the requests. */
export async function startPeers(): Promise<Peers> {
  const python = findPython()
  if (python === null) return noPeers('no Python with NumPy here (TEMPERED_PYTHON names one)')
  const child: ChildProcessWithoutNullStreams = spawn(python, [SCRIPT], {
    env: { ...process.env, ...ONE_THREAD },
  })
  child.stderr.pipe(process.stderr)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    return line.done === true ? { skip: 'python3 ended' } : JSON.parse(line.value)
  }
  const hello = (await next()) as { python: string; numpy: string; torch: string | null; cases: string[] }
  const torch = hello.torch === null ? 'no PyTorch' : `PyTorch ${hello.torch}`
  return {
    description: `NumPy ${hello.numpy}, ${torch}, Python ${hello.python}`,
    has: (name) => hello.cases.includes(name),
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return (await next()) as PeerReply
    },
    close: () => child.stdin.end(),
  }
}
