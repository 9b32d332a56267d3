import { readFile } from 'node:fs/promises'
import { counted, errorMessage } from '@tempered/errors'
import type { VerdictStatus } from '@tempered/settlement'
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
    const rows = found.map((one) => [one.id, one.run, `${one.share / 100} %`, one.grounds, stateText(one)])
    if (rows.length > 0)
      process.stdout.write(
        `${table([['verdict', 'run', 'share', 'grounds', 'state'], ...rows], new Set()).join('\n')}\n`,
      )
  })
}

function stateText({ executableAt, isAppealed, isClosed, ending }: VerdictStatus): string {
  if (isClosed) return ending ?? 'closed'
  const time = new Date(Number(executableAt) * 1000).toISOString()
  return `${isAppealed ? 'under appeal, ' : ''}executable from ${time}`
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
      `appealed in block ${blockNumber}; give ${options.proof} to the run's members, who can withdraw their signatures with \`settlement retract\`\n`,
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
    const slashing = { address: client.contracts.slashing, abi: artifacts.SlashingManager.abi } as const
    const signatures = [own, ...(options.signature ?? [])]
    const { blockNumber } = await outbox.send({
      ...slashing,
      functionName: 'retract',
      args: [verdictId(id), hash, signatures],
    })
    const { isClosed, signers } = await client.reader.readContract({
      ...slashing,
      functionName: 'caseOf',
      args: [verdictId(id)],
    })
    const left = isClosed ? 'the verdict is void' : `${counted(ones(signers), 'signature')} left`
    const withdrawn = signatures.length === 1 ? 'signature' : 'signatures'
    process.stderr.write(`${withdrawn} withdrawn in block ${blockNumber}; ${left}\n`)
  })
}

/** Number of bits that are set. */
const ones = (bits: bigint): number => bits.toString(2).replaceAll('0', '').length

function verdictId(text: string): `0x${string}` {
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase() as `0x${string}`
  throw new CliError('E_USAGE', `${text.slice(0, 80)}: is not a verdict id; see \`settlement verdicts\``)
}

/** The contract stores the SHA-256 of the file. */
async function proofHash(path: string): Promise<`0x${string}`> {
  const { sha256 } = await import('@tempered/protocol')
  const bytes = await readFile(path).catch((error) => {
    throw new CliError('E_FILE', `--proof ${path}: ${errorMessage(error)}`, { path }, error)
  })
  return `0x${Buffer.from(sha256(bytes)).toString('hex')}`
}
