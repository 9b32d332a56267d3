import { dirname } from 'node:path'
import { counted } from '@tempered/errors'
import { loadModule } from '@tempered/lab/plugins'
import { type ChainContents, errorMessage, readLedgerRun } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { warn } from '../terminal/warning.js'
import { chainFiles, openChainFile } from './chain-paths.js'

export interface ChainVerifyOptions {
  readonly module?: readonly string[]
  readonly json?: boolean
}

/**
 * `tempered chain verify`: a line per chain file; throws E_CHAIN_INVALID (exit 6) when a block is bad, or when two nodes
 * of a run have final blocks that exclude each other.
 */
export async function chainVerify(
  paths: readonly string[],
  { json, module }: ChainVerifyOptions,
): Promise<void> {
  for (const file of module ?? []) await loadModule(file, 'architecture')
  const files = [...new Set((await Promise.all(paths.map(chainFiles))).flat())]
  const good: (ChainContents & { readonly path: string })[] = []
  let bad = 0
  for (const path of files) {
    try {
      const contents = await openChainFile(path)
      await checkBeside(path, contents.run)
      good.push({ ...contents, path })
      process.stdout.write(`${json ? JSON.stringify(verdictOf(path, contents)) : textOf(path, contents)}\n`)
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== 'E_CHAIN_INVALID') throw error
      bad += 1
      const line = json
        ? JSON.stringify({ ok: false, path, block: error.details.block, message: error.message })
        : `${pc.red('bad')}  ${errorMessage(error)}`
      process.stdout.write(`${line}\n`)
    }
  }
  for (const { path, run, chain } of good) {
    const [rounds, longest] = [run.manifest.training.rounds, longestOf(good, run)]
    const last = chain.at(-1)?.body.round ?? -1
    if (last + 1 < Math.min(rounds, longest))
      warn(
        new Error(
          `${path}: ends with round ${last + 1}, other members have ${Math.min(rounds, longest)}: the node was away, or the file is cut off`,
        ),
      )
  }
  if (bad > 0) throw new CliError('E_CHAIN_INVALID', `${bad} of ${counted(files.length, 'chain')} not valid`)
  checkAgreement(good)
}

/** Rounds of the longest chain of a run. */
function longestOf(chains: readonly ChainContents[], run: Run): number {
  const rounds = chains
    .filter((one) => one.run.id.equals(run.id))
    .map(({ chain }) => chain.at(-1)?.body.round ?? -1)
  return Math.max(...rounds) + 1
}

/** Throws E_CHAIN_INVALID where the ledger beside a chain is of another run. */
async function checkBeside(path: string, run: Run): Promise<void> {
  const other = await readLedgerRun(dirname(path)).catch(() => undefined)
  if (other === undefined || other.id.equals(run.id)) return
  throw new CliError(
    'E_CHAIN_INVALID',
    `${path}: it is of run ${run.id}, but the ledger beside it is of run ${other.id}`,
    { path, block: 0 },
  )
}

function textOf(path: string, { run, chain, left, final }: ChainContents): string {
  const branches = left.length === 0 ? '' : `, ${counted(left.length, 'block')} left`
  const until =
    final === undefined
      ? ''
      : `, final up to round ${roundOf(final.body.round, run.manifest.training.rounds)} of ${run.manifest.training.rounds}`
  return (
    `${pc.green('ok')}   ${path}: ${counted(chain.length, 'block')} of ${run.manifest.chain?.architecture}${branches}${until}, ` +
    `head ${chain.at(-1)?.cid ?? run.id}, run ${run.id}`
  )
}

/** Blocks after the last round close the chain. */
function roundOf(round: number, rounds: number): number {
  return Math.min(round + 1, rounds)
}

function verdictOf(path: string, { run, chain, left, final }: ChainContents) {
  return {
    ok: true,
    path,
    run: run.id.toString(),
    architecture: run.manifest.chain?.architecture,
    blocks: chain.length,
    left: left.length,
    head: chain.at(-1)?.cid.toString() ?? null,
    finalHeight: final?.body.height ?? null,
  }
}

/** Throws E_CHAIN_INVALID when nodes of one run disagree on a block that is final for one of them. */
function checkAgreement(chains: readonly (ChainContents & { readonly path: string })[]): void {
  for (const one of chains) {
    if (one.final === undefined) continue
    const { height } = one.final.body
    for (const other of chains) {
      const theirs = other.chain[height - 1]
      if (!other.run.id.equals(one.run.id) || theirs === undefined || theirs.cid.equals(one.final.cid))
        continue
      if (other.final === undefined || other.final.body.height < height) continue
      throw new CliError(
        'E_CHAIN_INVALID',
        `${one.path} and ${other.path} have different final blocks of height ${height}: ${one.final.cid} and ${theirs.cid}`,
      )
    }
  }
}
