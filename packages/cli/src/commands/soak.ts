import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { soakViolations } from '../soak/soak-checker.js'
import { runSoak } from '../soak/soak-run.js'
import { durationText } from '../terminal/duration-text.js'
import { soakText } from '../terminal/soak-text.js'

export interface SoakOptions {
  readonly nodes: number
  readonly seed: number
  readonly minutes: number
  readonly out: string
  readonly json?: boolean
}

/**
 * `tempered soak`: real nodes under faults and invalid operations. Throws E_GOAL_MISSED (exit 8) if something was lost,
 * signed twice, accepted or left over, or if there was no real load.
 */
export async function soak({ nodes, seed, minutes, out, json = false }: SoakOptions): Promise<void> {
  const folder = join(out, `soak-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`)
  await requireEmpty(folder)
  await mkdir(folder, { recursive: true })
  const stopping = new AbortController()
  const interruption = onInterrupt(async () => stopping.abort(new DOMException('stopped', 'AbortError')))
  process.stderr.write(
    `soak of ${nodes} nodes for ${durationText(60 * minutes)}, seed ${seed}, in ${folder}\n`,
  )
  let saidAt = 0
  try {
    const record = await runSoak(
      { folder, nodes, seed, seconds: 60 * minutes },
      stopping.signal,
      (progress) => {
        if (progress.seconds - saidAt < PROGRESS_SECONDS) return
        saidAt = progress.seconds
        const { entries, faults, operations, invalid } = progress
        process.stderr.write(
          `${durationText(progress.seconds)}: ${entries} rounds, ${faults} faults, ${operations} operations, ${invalid} invalid ones refused\n`,
        )
      },
    )
    const violations = soakViolations(record)
    process.stdout.write(
      json ? `${JSON.stringify({ ...record, violations })}\n` : `${soakText(record, violations)}\n`,
    )
    if (violations.length > 0)
      throw new CliError(
        'E_GOAL_MISSED',
        `the soak was not passed: ${violations[0]}; logs are in ${folder}`,
        {
          violations,
        },
      )
  } finally {
    interruption.dispose()
    if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  }
}

const PROGRESS_SECONDS = 15

async function requireEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => [])
  if (names.length > 0) throw new CliError('E_USAGE', `${folder} already exists; try again in a second`)
}
