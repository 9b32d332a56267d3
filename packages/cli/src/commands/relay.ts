import { counted } from '@tempered/errors'
import { openRelayHost, RELAY_LIMITS, systemClock } from '@tempered/node'
import { loadManifest } from '../config/manifest-file.js'
import { isListenAddress } from '../config/multiaddr.js'
import { inNetwork } from '../config/node-keys.js'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { createLog } from './node-logger.js'
import { ownIdentity } from './own-identity.js'

export interface RelayOptions {
  readonly manifest: string
  readonly key: string
  readonly networkKey?: string
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
  readonly circuitMb?: number
  readonly circuitMinutes?: number
}

/**
 * `tempered relay`: a relay for the members of a run, until a signal arrives. On stdout: its addresses, one per line, as they
 * go into `network.relays` of the members.
 */
export async function relay(options: RelayOptions): Promise<void> {
  const { listen = ['/ip4/0.0.0.0/tcp/4001'], circuitMb, circuitMinutes } = options
  const wrong = listen.find((address) => !isListenAddress(address))
  if (wrong !== undefined)
    throw new CliError('E_USAGE', `--listen ${wrong}: use /tcp/… or /tcp/…/ws; a proxy adds TLS`)
  const run = await loadManifest(options.manifest)
  const identity = await inNetwork(await ownIdentity(options.key), options.networkKey)
  const { logger } = await createLog({ name: 'relay', logLevel: 'info' })
  const host = await openRelayHost({
    identity,
    run,
    listen,
    announce: options.announce ?? [],
    limits: {
      circuitBytes: circuitMb === undefined ? RELAY_LIMITS.circuitBytes : circuitMb * 1e6,
      circuitMs: circuitMinutes === undefined ? RELAY_LIMITS.circuitMs : circuitMinutes * 60_000,
    },
    clock: systemClock,
    logger,
  })
  process.stdout.write(host.addresses.map((address) => `${address}\n`).join(''))
  logger.info(
    { run: run.id.toString() },
    `relay for the ${counted(run.manifest.members.length, 'member')} of run ${run.id}`,
  )
  await new Promise<void>((resolve) => {
    const interruption = onInterrupt(async () => {
      await host.stop()
      interruption.dispose()
      process.exitCode = interruption.exitCode
      resolve()
    })
  })
}
