import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CACHE } from '../../../../test-support/cache.js'

export { inTemporaryFolder } from '../../../lab/test/support/temporary-folder.js'

/** The command as it was built. */
export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** A `tempered` process with its output by lines. */
export interface CliProcess {
  readonly child: ChildProcess
  readonly stdout: string[]
  readonly stderr: string[]
  /** Resolves with the first line, of those there are or to come, that `pick` makes something of. */
  line<T>(stream: 'stdout' | 'stderr', pick: (line: string) => T | undefined): Promise<T>
  /** Exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>
}

export function startCli(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): CliProcess {
  return startProcess(process.execPath, [MAIN, ...args], cwd, environment)
}

export function startProcess(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): CliProcess {
  const env = {
    ...environment,
    ...process.env,
    TEMPERED_CACHE: CACHE,
    NO_COLOR: '1',
  }
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines = { stdout: [] as string[], stderr: [] as string[] }
  const watchers = new Set<() => void>()
  let ended = false
  for (const name of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[name]! }).on('line', (line) => {
      lines[name].push(line)
      for (const watcher of [...watchers]) watcher()
    })
  }
  const exit = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      ended = true
      for (const watcher of [...watchers]) watcher()
      resolve(code ?? signal ?? 'unknown')
    })
  })
  return {
    child,
    ...lines,
    exit,
    line: (stream, pick) =>
      new Promise((resolve, reject) => {
        let seen = 0
        const look = (): void => {
          for (; seen < lines[stream].length; seen++) {
            const picked = pick(lines[stream][seen]!)
            if (picked === undefined) continue
            watchers.delete(look)
            resolve(picked)
            return
          }
          if (ended) {
            watchers.delete(look)
            reject(new Error(`ended without the line that was waited for:\n${lines.stderr.join('\n')}`))
          }
        }
        watchers.add(look)
        look()
      }),
  }
}

/** Runs to the end. */
export async function runCli(args: readonly string[], cwd: string) {
  const cli = startCli(args, cwd)
  const code = await cli.exit
  return { code, stdout: cli.stdout.join('\n'), stderr: cli.stderr.join('\n') }
}

/** The JSON object in a line, or undefined. */
export function parseJson(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
