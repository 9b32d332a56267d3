import type { Block } from '@tempered/chain'
import { isClosing } from '@tempered/chain'
import { counted } from '@tempered/errors'
import { loadModule } from '@tempered/lab/plugins'
import type { Run } from '@tempered/protocol'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { plainJson } from '../terminal/plain-json.js'
import { chainFiles, openChainFile } from './chain-paths.js'

export interface ChainShowOptions {
  /** 1-based. */
  readonly height?: number
  readonly module?: readonly string[]
  readonly json?: boolean
}

/** `tempered chain show`: the blocks of the chain that a node holds. */
export async function chainShow(path: string, { height, module, json }: ChainShowOptions): Promise<void> {
  for (const one of module ?? []) await loadModule(one, 'architecture')
  const [file, other] = await chainFiles(path)
  if (other !== undefined)
    throw new CliError('E_USAGE', `${path} holds several chains; name one, e.g. ${file}`)
  const { run, chain } = await openChainFile(file as string)
  const blocks = height === undefined ? chain : chain.filter(({ body }) => body.height === height)
  if (blocks.length === 0 && height !== undefined)
    throw new CliError(
      'E_USAGE',
      `${file} has no block of height ${height}: the chain has ${counted(chain.length, 'block')}`,
    )
  if (!json)
    process.stdout.write(`run ${run.id} (${run.manifest.name}), chain ${run.manifest.chain?.architecture}\n`)
  for (const block of blocks) process.stdout.write(`${json ? jsonOf(block) : textOf(block, run)}\n`)
}

function textOf(block: Block, run: Run): string {
  const { height, round, author, heads, candidates, aggregate, proof } = block.body
  const about = isClosing(block.body, run)
    ? 'closes the chain'
    : `round ${round + 1}/${run.manifest.training.rounds}  ${counted(candidates.length, 'model')}  ${counted(heads.length, 'ledger head')}`
  const said = Object.entries(plainJson(proof) as Record<string, unknown>)
    .map(([key, value]) => `${key} ${shortValue(value)}`)
    .join('  ')
  return [
    `\n${pc.bold(`block ${height}`)}  ${about}`,
    `  by ${author}  (member ${run.memberIndex.get(author)})`,
    `  ${said}`,
    pc.dim(`  aggregate ${aggregate}\n  block ${block.cid}`),
  ].join('\n')
}

function shortValue(value: unknown): string {
  const text = Array.isArray(value) ? counted(value.length, 'entry', 'entries') : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

function jsonOf(block: Block): string {
  return JSON.stringify(plainJson({ cid: block.cid, ...block.body }))
}
