import type { OpenChain } from '@tempered/chain'
import type { Run } from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import type { CreateMiner } from './chain/miner.js'
import type { Clock } from './clock.js'
import type { ChangeStore } from './epochs/change-store.js'
import type { Membership } from './epochs/membership.js'
import type { Failpoints } from './failpoints.js'
import type { Identity } from './identity-file.js'
import type { Logger } from './logger.js'
import type { PrivateDeviation } from './private/private-deviation.js'
import type { LocalTraining } from './round/local-training.js'
import type { ModelPublisher } from './round/publisher.js'
import type { NodeStores } from './state/stores.js'
import type { Libp2pNetworkComponents, Libp2pNetworkInit } from './transport/libp2p-network.js'
import type { RunNetwork } from './transport/network.js'

export interface NodeInit extends Omit<Libp2pNetworkInit, 'seed' | 'networkKey'> {
  readonly run: Run
  readonly identity: Identity
  /** Contains ledger, blobs and lock. Created if missing. */
  readonly stateFolder: string
  /** Parameters with which the run begins; must hash to the manifest's `initialCid`. */
  readonly initialParameters: Float32Array
  /** SHA-256 over a secret salt and the description of the node's data, for the ledger; null to commit to nothing. */
  readonly dataCommitment?: Uint8Array | null
  /** How many rounds of the node's own models are kept on disk. */
  readonly keepRounds: number
  /** Bytes that stored models may take up on disk; default: no limit. */
  readonly diskBudgetBytes?: number | undefined
  /** Keep serving models after the last round, until `stop`. */
  readonly stay?: boolean
  /**
   * The node's key was replaced by another one of its organisation. Returns what the node goes on with: that identity, and a
   * state folder without a ledger. Undefined, or without this function: the node ends.
   */
  succeed?(
    successor: string,
    membership: Membership,
  ): Promise<Pick<NodeInit, 'identity' | 'stateFolder'> | undefined>
}

export interface NodeComponents {
  readonly training: LocalTraining
  readonly publisher: ModelPublisher
  readonly clock: Clock
  readonly logger: Logger
  /** The network to run over; libp2p unless another is given. */
  createNetwork?(
    parts: Libp2pNetworkComponents,
    makeLibp2p: (parts: Libp2pNetworkComponents) => RunNetwork,
  ): RunNetwork
  /** Replaces the manifest's rule, for Byzantine nodes in experiments. */
  wrapRule?(rule: Rule): Rule
  /** Replaces the architecture of the run's common chain, for Byzantine nodes in experiments. */
  wrapChain?(chain: OpenChain): OpenChain
  /** Where the node keeps its state instead of its state folder: opened and released once per epoch of the run. */
  openStores?(): NodeStores
  /** Where changes of the run are kept; default: in the state folder, or nowhere with `openStores`. */
  readonly changes?: ChangeStore
  /** Whether heads of other members are co-signed; default true. Not where no head can become final, as in simulations. */
  readonly coSigns?: boolean
  /** What mines in runs whose chain asks for it; default: this thread. */
  readonly createMiner?: CreateMiner | undefined
  /** How long a round may go without a block of the common chain; default: for ever, as members may come back. */
  readonly agreementLimitMs?: number | undefined
  /** What a Byzantine node in an experiment does otherwise in private rounds. */
  readonly privateDeviation?: PrivateDeviation | undefined
  /** Points at which a test may kill the node. */
  readonly failpoints?: Failpoints
}
