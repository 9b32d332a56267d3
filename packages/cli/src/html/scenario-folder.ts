import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HashedFile, hashFiles } from './file-hashes.js'

/** Whether an assertion of the scenario held under one of its rules. */
export interface AssertionResult {
  readonly assertion: string
  readonly rule: string
  readonly ok: boolean
  /** What there was, for people. */
  readonly got: string
}

/** What a scenario run leaves above its runs. */
export interface WholeScenario {
  readonly scenarioText: string | undefined
  readonly assertions: readonly AssertionResult[]
  readonly files: readonly HashedFile[]
}

/** Reads `scenario.yaml` and the assertions in `summary.json`, as far as they are there: runs put together by hand have neither. */
export async function readWhole(folder: string): Promise<WholeScenario> {
  const text = (name: string): Promise<string | undefined> =>
    readFile(join(folder, name), 'utf8').catch(() => undefined)
  return {
    scenarioText: await text('scenario.yaml'),
    assertions: assertionsIn(await text('summary.json')),
    files: await hashFiles(folder, ['scenario.yaml', 'summary.json'], '.'),
  }
}

function assertionsIn(json: string | undefined): AssertionResult[] {
  try {
    const { assertions } = JSON.parse(json ?? '{}') as { assertions?: unknown }
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
  } catch {
    return []
  }
}
