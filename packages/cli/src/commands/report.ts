import { access } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { MATRIX_FILE } from '@tempered/lab/measures'
import { writeMatrixReport, writeScenarioReport } from '@tempered/report'
import { renderBalances } from '../terminal/summary.js'
import { widthOf } from '../terminal/table.js'

export interface ReportOptions {
  readonly json?: boolean
}

/** `tempered report`: writes the report of a run, a scenario run or a matrix; E_FILE if the folder holds none. */
export async function report(folder: string, options: ReportOptions): Promise<void> {
  const isMatrix = await access(join(folder, MATRIX_FILE)).then(
    () => true,
    () => false,
  )
  const summary = isMatrix ? await writeMatrixReport(folder) : await writeScenarioReport(folder)
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
  else if (summary.kind === 'tempered/report')
    process.stdout.write(
      `${renderBalances(summary.balances, widthOf(process.stdout), summary.stage === 'simulate').join('\n')}\n`,
    )
  process.stderr.write(`report: ${relative('.', join(folder, 'report.html'))}\n`)
}
