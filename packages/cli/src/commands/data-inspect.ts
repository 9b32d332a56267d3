import { loadTask } from '@tempered/lab/documents'
import { writeFileAtomic } from '@tempered/node'
import { cacheFolder, contactSheet, hasLabels, inspectSource, loadData, resolveTask } from '@tempered/train'
import { labelCounts, loadedNotices, renderLoaded, renderSource } from '../terminal/source-text.js'
import { widthOf } from '../terminal/table.js'

export interface DataInspectOptions {
  readonly task?: string
  readonly sheet?: string
  readonly json?: boolean
}

/** `tempered data inspect`: what a source holds, and what a task makes of it. */
export async function dataInspect(source: string, { task, sheet, json }: DataInspectOptions): Promise<void> {
  const open = task === undefined ? undefined : resolveTask((await loadTask(task)).task)
  const summary = await inspectSource(source, cacheFolder())
  const loaded = open === undefined ? undefined : await loadData({ source }, cacheFolder(), open)
  if (sheet !== undefined) {
    await writeFileAtomic(sheet, await contactSheet(source, cacheFolder()))
    process.stderr.write(`wrote ${sheet}\n`)
  }
  if (json) {
    const parts =
      loaded === undefined
        ? {}
        : {
            task: Object.fromEntries(
              (['train', 'test'] as const).map((part) => {
                const { count, shape, sha256 } = loaded[part]
                const labels = hasLabels(loaded[part]) ? labelCounts(loaded[part]) : undefined
                return [part, { count, shape, sha256, labels }]
              }),
            ),
            taskNotices: loadedNotices(loaded),
          }
    process.stdout.write(`${JSON.stringify({ ...summary, ...parts })}\n`)
    return
  }
  const lines = renderSource(summary, widthOf(process.stdout))
  if (loaded !== undefined && open !== undefined)
    lines.push('', `for the task ${open.task.name}:`, ...renderLoaded(loaded))
  process.stdout.write(`${lines.join('\n')}\n`)
}
