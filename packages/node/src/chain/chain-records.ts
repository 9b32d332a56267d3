import type { Block, ChainMessage } from '@tempered/chain'
import type { ChainStore } from './chain-store.js'

export interface ChainRecordsInit {
  /** Whether a block is part of the member's tree. */
  has(cid: string): boolean
  onError(error: unknown): void
}

/** Which blocks are on disk, or on their way there. Writes happen one after another. */
export class ChainRecords {
  private readonly store: ChainStore
  private readonly init: ChainRecordsInit
  private readonly stored: Set<string>
  /** Received blocks that are not on disk yet, such as those that wait for their parent. */
  private readonly received = new Map<string, Block>()
  private saving: Promise<void> = Promise.resolve()

  constructor(store: ChainStore, init: ChainRecordsInit) {
    this.store = store
    this.init = init
    this.stored = new Set(store.blocks.map(({ cid }) => cid.toString()))
  }

  /** Blocks on disk, those of branches that were left included. */
  get count(): number {
    return this.stored.size
  }

  isStored(cid: string): boolean {
    return this.stored.has(cid)
  }

  /** A block from the network, to be stored once it is part of the tree. */
  receive(block: Block): void {
    this.received.set(block.cid.toString(), block)
  }

  /** For a block that breaks the rules. */
  forget(cid: string): void {
    this.received.delete(cid)
  }

  /** Blocks are stored once their parents are there, so that a file can be read from its beginning. */
  storeReceived(): void {
    const ready = [...this.received.values()].filter(({ cid }) => this.init.has(cid.toString()))
    for (const block of ready.sort((a, b) => a.body.height - b.body.height)) {
      this.forget(block.cid.toString())
      this.stored.add(block.cid.toString())
      this.afterwards(() => this.store.addBlock(block))
    }
  }

  /** Publishes a block, one of this node's own only once it is on disk. */
  publishBlock(block: Block, isOwn: boolean, publish: () => Promise<void>): void {
    const name = block.cid.toString()
    const isNew = isOwn && !this.stored.has(name)
    if (isNew) this.stored.add(name)
    this.afterwards(async () => {
      if (isNew) await this.store.addBlock(block)
      await publish()
    })
  }

  /** Publishes a message of this node once it is on disk. */
  publishMessage(message: ChainMessage, publish: () => Promise<void>): void {
    this.afterwards(async () => {
      await this.store.addMessage(message)
      await publish()
    })
  }

  /** Does something once all that came before is done. An error ends the node. */
  afterwards(work: () => Promise<void>): void {
    this.saving = this.saving.then(work).catch((error) => this.init.onError(error))
  }

  async close(): Promise<void> {
    await this.saving
    await this.store.close()
  }
}
