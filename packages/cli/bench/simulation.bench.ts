/** Simulations of many nodes, each in a process of its own: how long they take and what a node costs. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SimulationFigures } from './simulation-process.js'

export interface SimulationBenchRow extends SimulationFigures {
  readonly nodes: number
  readonly rounds: number
}

const SIZES: readonly (readonly [nodes: number, rounds: number])[] = [
  [20, 50],
  [100, 50],
  [1000, 50],
]

export async function benchSimulations(sizes = SIZES): Promise<SimulationBenchRow[]> {
  const rows: SimulationBenchRow[] = []
  const entry = fileURLToPath(new URL('./simulation-process.js', import.meta.url))
  for (const [nodes, rounds] of sizes) {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...process.execArgv,
      entry,
      String(nodes),
      String(rounds),
    ])
    rows.push({ nodes, rounds, ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as SimulationFigures) })
  }
  return rows
}
