import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HashedFile, hashFiles } from './file-hashes.js'

/** Whether an assertion of the scenario held under one of its rules. */
export interface AssertionResult {
  readonly assertion: string
  readonly rule: string
  readonly ok: boolean
  /** What was found, for people. */
  readonly got: string
}

/** The files of a scenario run above its runs. */
export interface WholeScenario {
  readonly scenarioText: string | undefined
  readonly assertions: readonly AssertionResult[]
  /** `cluster` or `simulate`; null where it was not recorded. */
  readonly stage: string | null
  /** Whether it was stopped before its end. */
  readonly interrupted: boolean
  readonly files: readonly HashedFile[]
}

/**
 * Reads `scenario.yaml` and the parts of `summary.json` about the whole scenario, if they exist: runs put together by
 * hand have neither.
 */
export async function readWhole(folder: string): Promise<WholeScenario> {
  const text = (name: string): Promise<string | undefined> =>
    readFile(join(folder, name), 'utf8').catch(() => undefined)
  const { assertions, stage, interrupted } = summaryIn(await text('summary.json'))
  return {
    scenarioText: await text('scenario.yaml'),
    assertions: assertionsIn(assertions),
    stage: typeof stage === 'string' ? stage : null,
    interrupted: interrupted === true,
    files: await hashFiles(folder, ['scenario.yaml', 'summary.json'], '.'),
  }
}

function summaryIn(json: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(json ?? '{}') as Record<string, unknown> | null) ?? {}
  } catch {
    return {}
  }
}

function assertionsIn(assertions: unknown): AssertionResult[] {
  if (!Array.isArray(assertions)) return []
  return assertions.flatMap((entry: Partial<AssertionResult> | null) =>
    typeof entry?.assertion === 'string'
      ? [
          {
            assertion: entry.assertion,
            rule: String(entry.rule ?? ''),
            ok: entry.ok === true,
            got: String(entry.got ?? ''),
          },
        ]
      : [],
  )
}
