import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Why tests of `backend: node` are skipped, or undefined where @tensorflow/tfjs-node can be imported (docs/engines.md
 * says how to build it). Asked of another process: a library that is broken may end the process that loads it.
 */
export function tfjsNodeProblem(): string | undefined {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const args = ['-e', "require('@tensorflow/tfjs-node')"]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
  if (status === 0) return undefined
  const reason = /^\w*Error.*$/m.exec(stderr)?.[0] ?? `node ended with ${status}`
  return `@tensorflow/tfjs-node does not load: ${reason}`
}
