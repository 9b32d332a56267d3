import { readIdentityFile, systemClock, writeInvitation } from '@tempered/node'
import { CID } from 'multiformats/cid'
import { CliError } from '../errors.js'
import { askNode } from '../membership/ask-node.js'
import { askStatus } from '../operate/ask-status.js'

export interface MemberInviteOptions {
  readonly config: string
  readonly hours: number
  readonly address?: readonly string[]
}

/** `tempered member invite`: one line of text for an organisation that is to join. */
export async function memberInvite({ config: folder, hours, address }: MemberInviteOptions): Promise<void> {
  const { config, ask, peer } = await askNode(folder)
  const { changes } = await ask({ ask: 'list' })
  const addresses = address ?? (await addressesOf(config.state, config.announce, peer))
  if (addresses.length === 0)
    throw new CliError(
      'E_USAGE',
      'no address at which others could reach this node is known: start it, or name one with --address',
    )
  const identity = await readIdentityFile(config.key)
  const expires = systemClock.wallMs() + hours * 3_600_000
  const text = writeInvitation(
    { run: CID.parse(changes.run), addresses: addresses.slice(0, 8), expires },
    identity.signer,
  )
  process.stdout.write(`${text}\n`)
  process.stderr.write(
    `for one node, until ${new Date(expires).toISOString()}; whoever has this line can ask to be added, so send it as a secret\n` +
      'the other side runs: tempered member join <line> --folder <new folder>\n',
  )
}

/** Where this node can be dialled: as it announces itself; without a peer id it gets this node's. */
async function addressesOf(state: string, announce: readonly string[], peer: string): Promise<string[]> {
  const running = (await askStatus(state))?.addresses ?? []
  const known = announce.length > 0 ? announce : running
  const withPeer = known.map((one) => (one.includes('/p2p/') ? one : `${one}/p2p/${peer}`))
  const far = withPeer.filter((one) => !/^\/ip4\/127\.|^\/ip6\/::1\//.test(one))
  return far.length > 0 ? far : withPeer
}
