import type { OpenChain } from '@tempered/chain'
import { LIMITS, type Run, type Signer } from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../logger.js'
import type { LocalTraining } from '../round/local-training.js'
import type { NodeState } from '../state/node-state.js'
import type { RunNetwork } from '../transport/network.js'
import { Agreement, type AgreementInit } from './agreement.js'
import { createBlockChecker } from './block-checker.js'
import { type CommonChain, type CommonChainEvents, createCommonChain } from './common-chain.js'
import { createLedgerCopies } from './ledger-copies.js'
import { type CreateMiner, threadMiner } from './miner.js'
import { createModelSource } from './model-source.js'

export interface OpenAgreementInit {
  readonly run: Run
  /** Undefined for a run without a common chain. */
  readonly chain: OpenChain | undefined
  readonly signer: Signer
  readonly network: RunNetwork
  readonly state: Pick<NodeState, 'blobs' | 'ledger' | 'openChain'>
  /** A neighbour's model of a round that is not over. */
  openModel(cid: string): OpenBlob | undefined
}

export interface OpenedAgreement {
  readonly agreement: Agreement
  readonly common: CommonChain
  /** Entries of this node's copy of another member's ledger from a height on. */
  copyOf(author: string, from: number): readonly Uint8Array[]
}

/** Puts together what a node of a run with a common chain needs. Throws what `openChainStore` throws. */
export async function openAgreement(
  components: {
    readonly training: LocalTraining
    readonly clock: Clock
    readonly logger: Logger
    readonly createMiner?: CreateMiner | undefined
    readonly agreementLimitMs?: number | undefined
  },
  { run, chain, signer, network, state, openModel }: OpenAgreementInit,
  init: Omit<AgreementInit, keyof CommonChainEvents>,
  events: CommonChainEvents,
): Promise<OpenedAgreement | undefined> {
  if (chain === undefined) return undefined
  const { training, clock, createMiner = threadMiner } = components
  const logger = components.logger.child({ component: 'chain' })
  const self = signer.peerId
  const models = createModelSource({ run, self, network, blobs: state.blobs, openModel })
  const ledgers = createLedgerCopies({ run, self, network, clock })
  const agreement = new Agreement(
    {
      run,
      chain,
      signer,
      store: await state.openChain(),
      network,
      checker: createBlockChecker({ run, self, ledgers, models, clock, logger }),
      models,
      miner: createMiner(clock),
      training,
      clock,
      logger,
      limitMs: components.agreementLimitMs,
    },
    { ...init, ...events },
  )
  const common = createCommonChain({
    run,
    self,
    ledgers,
    models,
    ownEntries: (from) => state.ledger.entries(from, LIMITS.maxEntriesPerReply),
    say: (words) => agreement.say(words),
  })
  return { agreement, common, copyOf: ledgers.copyOf }
}
