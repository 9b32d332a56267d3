import type { Run } from '@tempered/protocol'
import { loadManifest } from '../config/manifest-file.js'
import { CliError } from '../errors.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import {
  type OpenedSettlement,
  type SettlementOptions,
  withSettlement,
} from '../settlement/open-settlement.js'

export interface RunOptions extends SettlementOptions {
  /** Seconds since 1970. */
  readonly until: number
}

/** `tempered settlement sign-run`. */
export async function signRun(file: string, options: RunOptions): Promise<void> {
  await withRun(file, options, async ({ client }, members, run) => {
    const { membershipData } = await loadSettlement()
    const { account } = client.wallet
    if (!members.includes(account.address))
      throw new CliError('E_USAGE', `account ${account.address} is not a member of the run in ${file}`)
    const place = { chainId: client.wallet.chain.id, contract: client.contracts.runs }
    const signature = await client.wallet.signTypedData({
      account,
      ...membershipData(run, members, options.until, place),
    })
    process.stdout.write(`${signature}\n`)
  })
}

/** `tempered settlement open-run`. */
export async function openRun(
  file: string,
  options: RunOptions & { readonly signature: readonly string[] },
): Promise<void> {
  await withRun(file, options, async ({ client, outbox }, members, run) => {
    const { artifacts, membershipSigner } = await loadSettlement()
    const place = { chainId: client.wallet.chain.id, contract: client.contracts.runs }
    const by = new Map<string, string>()
    for (const signature of options.signature) {
      const signer = await membershipSigner(signature, run, members, options.until, place)
      if (signer === undefined || !members.includes(signer))
        throw new CliError(
          'E_USAGE',
          `--signature ${signature.slice(0, 12)}…: is not by a member for this run and date; sign again with \`sign-run\``,
        )
      by.set(signer, signature)
    }
    const missing = members.filter((member) => !by.has(member))
    if (missing.length > 0)
      throw new CliError(
        'E_USAGE',
        `missing signatures: ${missing.join(', ')}; each member signs with \`sign-run\``,
      )
    const { blockNumber } = await outbox.send({
      address: client.contracts.runs,
      abi: artifacts.RunRegistry.abi,
      functionName: 'open',
      args: [run, members, BigInt(options.until), members.map((member) => by.get(member))],
    })
    process.stderr.write(`run registered in block ${blockNumber}\n`)
  })
}

async function withRun(
  file: string,
  options: RunOptions,
  work: (opened: OpenedSettlement, members: readonly `0x${string}`[], run: `0x${string}`) => Promise<void>,
): Promise<void> {
  const run: Run = await loadManifest(file)
  const { settlement } = run.manifest
  if (settlement === undefined)
    throw new CliError('E_USAGE', `${file}: has no accounts; create it with \`manifest create --settlement\``)
  await withSettlement(options, async (opened) => {
    const { chainId, contracts } = opened.place
    if (chainId !== settlement.chainId || contracts.slashing !== settlement.contract)
      throw new CliError(
        'E_USAGE',
        `${file}: the run uses contract ${settlement.contract} on chain ${settlement.chainId}, ` +
          `but these contracts have ${contracts.slashing} on chain ${chainId}; use the contracts of the run`,
      )
    const { inOrder } = await loadSettlement()
    const digest: `0x${string}` = `0x${Buffer.from(run.id.multihash.digest).toString('hex')}`
    await work(opened, inOrder(settlement.accounts as `0x${string}`[]), digest)
  })
}
