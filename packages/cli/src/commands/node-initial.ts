import {
  drawnInitialParameters,
  errorCode,
  errorMessage,
  fetchInitialModel,
  type Identity,
  initialModelPath,
  keptInitialModel,
  type Logger,
  readInitialModel,
  sleep,
  systemClock,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'

const RETRY_MS = 2_000

/**
 * The parameters that a run begins with when its seed does not draw them: from the node's own state, the file beside the
 * manifest, or a member, which may not be up yet. Undefined when the seed draws them, or the signal came first. Throws
 * E_INITIAL_PARAMETERS.
 */
export async function openInitialParameters(
  config: NodeConfig,
  run: Run,
  identity: Identity,
  logger: Logger,
  signal: AbortSignal,
): Promise<Float32Array | undefined> {
  if (drawnInitialParameters(run.manifest) !== undefined) return undefined
  const { manifest } = config
  const beside = manifest !== undefined && 'file' in manifest ? [initialModelPath(manifest.file)] : []
  const found = await readInitialModel(run, [keptInitialModel(config.state, run), ...beside])
  if (found !== undefined) return found
  const addresses = [
    ...(manifest !== undefined && 'peer' in manifest ? [manifest.peer] : []),
    ...config.bootstrap,
  ]
  if (addresses.length === 0) throw unknown(run, beside)
  return fetchFrom(addresses, run, identity, logger, signal)
}

async function fetchFrom(
  addresses: readonly string[],
  run: Run,
  identity: Identity,
  logger: Logger,
  signal: AbortSignal,
): Promise<Float32Array | undefined> {
  const fetch = fetchInitialModel(identity, run, systemClock)
  logger.info(`fetching the model that the run begins with, ${(run.modelBytes / 1e6).toFixed(1)} MB`)
  let warned = false
  while (!signal.aborted) {
    for (const address of addresses) {
      try {
        return await fetch(address, signal)
      } catch (error) {
        if (signal.aborted) return undefined
        if (errorCode(error) === 'E_KEY') throw error
        if (!warned) {
          const text = `no initial model from ${address} yet, trying again: ${errorMessage(error)}`
          logger.warn({ address }, text)
        }
        warned = true
      }
    }
    await sleep(systemClock, RETRY_MS, signal)
  }
  return undefined
}

function unknown({ manifest }: Run, files: readonly string[]): CliError {
  const where = files.length === 0 ? '' : ` to ${files.join(' or ')}`
  return new CliError(
    'E_INITIAL_PARAMETERS',
    `the run begins with model ${manifest.model.initialCid}, which is not drawn from its seed. Copy the file ` +
      `manifest.initial, which \`manifest create\` wrote beside the manifest,${where}, or name a member that has it ` +
      'under bootstrap in node.yaml; otherwise the manifest was changed after it was made',
  )
}
