import { readFile } from 'node:fs/promises'
import { errorMessage } from '@tempered/errors'
import { CliError } from '../errors.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { type SettlementOptions, withSettlement } from '../settlement/open-settlement.js'
import { sumsJson } from '../settlement/sums-json.js'
import { table } from '../terminal/table.js'

export interface ProofOptions extends SettlementOptions {
  readonly proof: string
}

/** `tempered settlement verdicts`. */
export async function showVerdicts(options: SettlementOptions & { readonly json?: boolean }): Promise<void> {
  await withSettlement(options, async ({ client, place }) => {
    const { verdictsAgainst } = await loadSettlement()
    const found = await verdictsAgainst(client, place.fromBlock)
    if (options.json === true) {
      for (const one of found) process.stdout.write(`${sumsJson(one)}\n`)
      return
    }
    if (found.length === 0) process.stdout.write('no verdicts\n')
    const rows = found.map(({ id, run, share, grounds, executableAt, isAppealed, isClosed }) => [
      id,
      run,
      `${share / 100} %`,
      grounds,
      isClosed
        ? 'closed'
        : `${isAppealed ? 'appealed, ' : ''}from ${new Date(Number(executableAt) * 1000).toISOString()}`,
    ])
    if (rows.length > 0)
      process.stdout.write(
        `${table([['verdict', 'run', 'share', 'grounds', 'may be carried out'], ...rows], new Set()).join('\n')}\n`,
      )
  })
}

/** `tempered settlement appeal`. */
export async function appeal(id: string, options: ProofOptions): Promise<void> {
  const hash = await proofHash(options.proof)
  await withSettlement(options, async ({ client, outbox }) => {
    const { artifacts } = await loadSettlement()
    const { blockNumber } = await outbox.send({
      address: client.contracts.slashing,
      abi: artifacts.SlashingManager.abi,
      functionName: 'appeal',
      args: [verdictId(id), hash],
    })
    process.stderr.write(
      `appealed in block ${blockNumber}; give ${options.proof} to the run's members, who take their signatures back with \`settlement retract\`\n`,
    )
  })
}

/** `tempered settlement retract`. */
export async function retract(
  id: string,
  options: ProofOptions & { readonly signature?: readonly string[]; readonly print?: boolean },
): Promise<void> {
  const hash = await proofHash(options.proof)
  await withSettlement(options, async ({ client, outbox }) => {
    const { artifacts, retractionData } = await loadSettlement()
    const place = { chainId: client.wallet.chain.id, contract: client.contracts.slashing }
    const own = await client.wallet.signTypedData({
      account: client.wallet.account,
      ...retractionData(verdictId(id), hash, place),
    })
    if (options.print === true) {
      process.stdout.write(`${own}\n`)
      return
    }
    const { blockNumber } = await outbox.send({
      address: client.contracts.slashing,
      abi: artifacts.SlashingManager.abi,
      functionName: 'retract',
      args: [verdictId(id), hash, [own, ...(options.signature ?? [])]],
    })
    process.stderr.write(`taken back in block ${blockNumber}\n`)
  })
}

function verdictId(text: string): `0x${string}` {
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase() as `0x${string}`
  throw new CliError(
    'E_USAGE',
    `${text.slice(0, 80)}: is no number of a verdict; see \`settlement verdicts\``,
  )
}

/** The contract has the SHA-256 of the file. */
async function proofHash(path: string): Promise<`0x${string}`> {
  const { sha256 } = await import('@tempered/protocol')
  const bytes = await readFile(path).catch((error) => {
    throw new CliError('E_FILE', `--proof ${path}: ${errorMessage(error)}`, { path }, error)
  })
  return `0x${Buffer.from(sha256(bytes)).toString('hex')}`
}
