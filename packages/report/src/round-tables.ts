import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { csvLine, ROW_COLUMNS, type RoundRow } from '@tempered/lab/measures'

/** `rounds.csv` and `rounds.ndjson` of a folder, written row by row, since there may be millions. */
export interface RoundTables {
  write(rows: Iterable<RoundRow>): Promise<void>
  /** Resolves when everything is on disk; rejects when something could not be written. */
  close(): Promise<void>
}

export function openTables(folder: string): RoundTables {
  const csv = createWriteStream(join(folder, 'rounds.csv'))
  const ndjson = createWriteStream(join(folder, 'rounds.ndjson'))
  const failed = new AbortController()
  const done = Promise.all([finished(csv), finished(ndjson)])
  // `close` reports the error; until then nothing waits on a failed stream.
  done.catch((error) => failed.abort(error))
  csv.write(`${ROW_COLUMNS.join(',')}\n`)
  return {
    async write(rows) {
      for (const row of rows) {
        const csvGoes = csv.write(`${csvLine(ROW_COLUMNS.map((column) => row[column]))}\n`)
        const ndjsonGoes = ndjson.write(`${JSON.stringify(row)}\n`)
        if (!csvGoes) await once(csv, 'drain', { signal: failed.signal })
        if (!ndjsonGoes && ndjson.writableNeedDrain) await once(ndjson, 'drain', { signal: failed.signal })
      }
    },
    async close() {
      csv.end()
      ndjson.end()
      await done
    },
  }
}
