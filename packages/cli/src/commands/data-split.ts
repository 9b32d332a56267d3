import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { counted, printable } from '@tempered/errors'
import { cacheFolder, makeFolder, type PartitionScheme, type SplitReport, splitSource } from '@tempered/train'
import pc from 'picocolors'
import { allOrNothing } from '../all-or-nothing.js'
import { CliError } from '../errors.js'
import { table } from '../terminal/table.js'

export interface DataSplitOptions {
  readonly nodes: number
  readonly out: string
  readonly scheme: 'iid' | 'label-groups' | 'dirichlet' | 'shards'
  readonly h?: number
  readonly alpha?: number
  readonly perNode?: number
  readonly label?: string
  readonly seed: number
}

/** `tempered data split`: a folder per node with its share, and split.json; nothing is left behind when it fails. */
export async function dataSplit(source: string, options: DataSplitOptions): Promise<void> {
  const { nodes, out, label, seed } = options
  if (existsSync(out)) throw new CliError('E_USAGE', `${out} already exists; name another --out`)
  const scheme = schemeOf(options)
  const unfinished = `${out}.${process.pid}.tmp`
  const report = await allOrNothing(async (made) => {
    made(await makeFolder(unfinished))
    const request = { source, nodes, seed, label, scheme, out: unfinished, cacheFolder: cacheFolder() }
    const split = await splitSource(request)
    await rename(unfinished, out)
    return split
  })
  for (const notice of report.notices ?? []) process.stderr.write(`note: ${printable(notice)}\n`)
  process.stdout.write(`${renderSplit(report).join('\n')}\n`)
  process.stderr.write(`wrote ${counted(nodes, 'part')} and ${join(out, 'split.json')}\n`)
}

function schemeOf({ scheme, h, alpha, perNode }: DataSplitOptions): PartitionScheme {
  const given = { h, alpha, 'per-node': perNode }
  const wanted = { iid: undefined, 'label-groups': 'h', dirichlet: 'alpha', shards: 'per-node' }[scheme]
  for (const [name, value] of Object.entries(given)) {
    if (name === wanted && (value === undefined || Number.isNaN(value)))
      throw new CliError('E_USAGE', `--scheme ${scheme} needs --${name} with a number`)
    if (name === wanted && name === 'alpha' && !((value as number) > 0))
      throw new CliError('E_USAGE', `--alpha must be above 0, not ${value}`)
    if (name !== wanted && value !== undefined)
      throw new CliError('E_USAGE', `--${name} does not belong to --scheme ${scheme}; leave it out`)
  }
  switch (scheme) {
    case 'iid':
      return { kind: 'iid' }
    case 'label-groups':
      return { kind: 'label-groups', degree: h as number }
    case 'dirichlet':
      return { kind: 'dirichlet', alpha: alpha as number }
    case 'shards':
      return { kind: 'shards', perNode: perNode as number }
  }
}

const MOST_LABELS = 12

function renderSplit({ parts }: SplitReport): string[] {
  const names = [...new Set(parts.flatMap(({ labels }) => Object.keys(labels)))].sort(byNumber)
  const shown = names.slice(0, MOST_LABELS)
  const header = ['part', 'samples', ...shown, ...(names.length > shown.length ? ['…'] : [])].map((text) =>
    pc.dim(text),
  )
  const rows = parts.map(({ folder, count, labels }) => [
    folder,
    String(count),
    ...shown.map((name) => String(labels[name] ?? 0)),
  ])
  return table([header, ...rows], new Set(shown.map((_, k) => k + 2).concat(1)))
}

function byNumber(a: string, b: string): number {
  const difference = Number(a) - Number(b)
  return Number.isNaN(difference) ? (a < b ? -1 : 1) : difference
}
