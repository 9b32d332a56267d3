import { counted } from '@tempered/errors'
import type { CellResult, MatrixProgress as State } from '@tempered/lab/matrix'
import { percent } from '@tempered/lab/text'
import { systemClock } from '@tempered/node'
import type { Metric } from '@tempered/train'
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import { worstText } from './matrix-text.js'

/**
 * Progress of a matrix on a stream: one line at the bottom of a terminal; on other streams, a line from time to time.
 */
export interface MatrixProgress {
  cell(result: CellResult, state: State): void
  note(text: string): void
  close(): void
}

/** Number of lines written to streams that are not terminals. */
const LINES = 50

export function createMatrixProgress(
  stream: NodeJS.WriteStream,
  metric: Metric,
  parallel: number,
): MatrixProgress {
  const worst = worstText(metric)
  const what = metric.name === 'accuracy' ? 'error' : metric.label
  const update = stream.isTTY ? createLogUpdate(stream) : undefined
  const begun = systemClock.monotonicMs()
  let here = 0
  return {
    cell(result, { finished, failed, total }) {
      here += 1
      // The first cells of all processes end at about the same time. Before that there is no estimate.
      const each = (systemClock.monotonicMs() - begun) / here
      const left = here < parallel ? '…' : duration((each * (total - finished)) / 1000)
      const outcome =
        result.status === 'failed'
          ? pc.red(`failed: ${result.error}`)
          : `worst ${what} ${worst.show(result.measures === null ? null : worst.of(result.measures))}`
      const line =
        `${finished}/${counted(total, 'cell')}${failed > 0 ? pc.red(`, ${failed} failed`) : ''}, ${left} left   ` +
        `${result.rule} × ${result.attack} ${percent(result.fraction, 0)} seed ${result.seed}: ${outcome}`
      if (update !== undefined) update(line)
      else if (finished === total || here % Math.ceil(total / LINES) === 0) stream.write(`${line}\n`)
    },
    note: (text) => void stream.write(`${text}\n`),
    close: () => update?.done(),
  }
}

/** `1:02:03`, or `2:03` below an hour. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
