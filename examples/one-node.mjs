// One node with a trainer of its own: any function that changes a flat vector of parameters. It works its rounds, writes
// every round into its ledger, and goes on where it stopped when it is started again.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createNode,
  createRunManifest,
  LEDGER_FILE,
  manifestInitialParameters,
  plainPublisher,
  randomIdentity,
  silentLogger,
  systemClock,
  verifyLedgerFile,
} from '@tempered/node'

const identity = randomIdentity()
// A run of one member needs no neighbour; give more peer ids, and the others join over the network.
const run = createRunManifest({
  members: [identity.signer.peerId],
  model: 'softmax',
  rule: { name: 'median' },
  training: { rounds: 3 },
})

/** Moves the parameters half of the way towards 1. */
const training = {
  async train(_round, parameters) {
    for (let k = 0; k < parameters.length; k++) parameters[k] += (1 - parameters[k]) / 2
    return { loss: Math.abs(1 - parameters[0]) }
  },
  evaluate: async () => null,
  loss: async (_round, parameters) => Math.abs(1 - parameters[0]),
}

const stateFolder = await mkdtemp(join(tmpdir(), 'tempered-example-'))
const node = await createNode(
  { training, publisher: plainPublisher, clock: systemClock, logger: silentLogger },
  {
    run,
    identity,
    stateFolder,
    initialParameters: manifestInitialParameters(run.manifest),
    keepRounds: 2,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    mdns: false,
  },
  { onRound: ({ round, trainingLoss }) => console.log(`round ${round + 1}  loss ${trainingLoss}`) },
)
await node.run()
const verdict = await verifyLedgerFile(join(stateFolder, LEDGER_FILE))
console.log(verdict.ok ? `ledger verifies: ${verdict.entries} entries` : verdict.message)
await rm(stateFolder, { recursive: true })
