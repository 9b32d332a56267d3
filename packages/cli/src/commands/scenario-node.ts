import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createAdversary, type HonestModels } from '@tempered/lab/adversary'
import { errorMessage, runTopology, systemClock } from '@tempered/node'
import { CliError } from '../errors.js'
import { ATTACK_FILE, loadAttackFile } from '../machines/attack-file.js'
import type { NodePart } from './node-open.js'
import { nodeServe } from './node-serve.js'
import { type NodeStartOptions, nodeStart } from './node-start.js'

/** A host does not see the models of others. */
const noModels: HonestModels = {
  note: () => undefined,
  gone: () => undefined,
  collect: async () => [],
}

/**
 * `tempered scenario node`: `node start` of a host that attacks as in the `attack.yaml` next to its configuration. For
 * experiments: the node is an ordinary one with its training, publisher, network or rule replaced.
 */
export async function scenarioNode({
  serveJobs = false,
  ...options
}: NodeStartOptions & { readonly serveJobs?: boolean }): Promise<void> {
  const info = await stat(options.config).catch((error) => {
    throw new CliError('E_FILE', `--config ${options.config}: ${errorMessage(error)}`, {}, error)
  })
  const folder = info.isDirectory() ? options.config : dirname(options.config)
  const attack = await loadAttackFile(join(folder, ATTACK_FILE))
  const part = attackingPart(attack)
  await (serveJobs ? nodeServe(options, part) : nodeStart(options, part))
}

/** The parts of a node that make it an attacker. */
function attackingPart(attack: Awaited<ReturnType<typeof loadAttackFile>>): NodePart {
  return ({ run, identity, source, initialParameters }) => {
    const { manifest } = run
    // createNode refuses a node that is not a member, with a reason.
    const index = run.memberIndex.get(identity.signer.peerId) ?? 0
    return createAdversary({
      node: { index, attack },
      manifest,
      initialParameters,
      honest: manifest.members.flatMap((_, other) => (other === index ? [] : [other])),
      topology: runTopology(run),
      models: noModels,
      clock: systemClock,
      train: source?.train,
    })
  }
}
