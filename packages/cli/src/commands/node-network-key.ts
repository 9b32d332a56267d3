import { createNetworkKey } from '@tempered/node'

/** `tempered node network-key`: makes the key of a private network. Throws E_KEY if the file is there. */
export async function nodeNetworkKey(file: string): Promise<void> {
  await createNetworkKey(file)
  process.stderr.write(
    `created ${file}: give it to all nodes of the network, as a secret, and name it in their node.yaml: network: { key: … }\n`,
  )
}
