import { join } from 'node:path'
import { fetchDataSet, KNOWN_DATA_SETS } from '@tempered/train'
import pc from 'picocolors'
import { table } from '../terminal/table.js'

export interface DataFetchOptions {
  readonly out?: string
  readonly acceptHash?: readonly string[]
}

/** `tempered data fetch`: a known data set in a folder; without a name, the list of them. */
export async function dataFetch(name: string | undefined, options: DataFetchOptions): Promise<void> {
  if (name === undefined) {
    const rows = Object.entries(KNOWN_DATA_SETS).map(([known, { about, files }]) => [
      pc.bold(known),
      files.every(({ sha256 }) => sha256 !== undefined) ? '' : 'hash unknown',
      about,
    ])
    process.stdout.write(`${table(rows, new Set()).join('\n')}\n`)
    return
  }
  const out = options.out ?? join('data', name)
  await fetchDataSet({
    name,
    out,
    acceptHashes: options.acceptHash,
    onFile: (url) => process.stderr.write(`fetching ${url}\n`),
  })
  const target = KNOWN_DATA_SETS[name]?.target
  process.stderr.write(
    `wrote ${out}\nnext: tempered data inspect ${out}   then: tempered task init --data ${out}${target === undefined ? '' : ` --target ${target}`}\n`,
  )
}
