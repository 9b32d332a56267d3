import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createAdversary, type HonestModels } from '@tempered/lab/adversary'
import { runTopology, systemClock } from '@tempered/node'
import { ATTACK_FILE, loadAttackFile } from '../machines/attack-file.js'
import { type NodeStartOptions, nodeStart } from './node-start.js'

/** Nobody tells a host what others have trained. */
const noModels: HonestModels = {
  note: () => undefined,
  gone: () => undefined,
  collect: async () => [],
}

/**
 * `tempered scenario node`: `node start` of a host that attacks, as `attack.yaml` beside its configuration says. For
 * experiments: the node is an ordinary one with other training, another publisher, network or rule injected.
 */
export async function scenarioNode(options: NodeStartOptions): Promise<void> {
  const info = await stat(options.config).catch(() => undefined)
  const folder = info?.isDirectory() ? options.config : dirname(options.config)
  const attack = await loadAttackFile(join(folder, ATTACK_FILE))
  await nodeStart(options, ({ run, identity, source }) => {
    const { manifest } = run
    // A stranger to the run is refused by createNode, which says why.
    const index = run.memberIndex.get(identity.signer.peerId) ?? 0
    return createAdversary({
      node: { index, attack },
      manifest,
      honest: manifest.members.flatMap((_, other) => (other === index ? [] : [other])),
      topology: runTopology(run),
      models: noModels,
      clock: systemClock,
      train: source.train,
    })
  })
}
