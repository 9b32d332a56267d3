import type { FinalHead, HeadMessage, Run, SignedHead } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorCode } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Logger } from '../logger.js'
import type { OwnHistory } from '../round/own-history.js'
import type { RunNetwork } from '../transport/network.js'
import type { HeadVerdict, Witness } from './witness.js'

/** Runs the witness: checks incoming heads, and publishes the node's own heads with the pending co-signatures. */
export interface Witnessing {
  /** A verified head message of another member. */
  head(message: HeadMessage): void
  /** A member was convicted: its heads are no longer co-signed. */
  exclude(author: string): void
  /** Signs and publishes the current head of the node's own ledger. */
  publish(): Promise<void>
  /**
   * There will be no more own entries: from now on co-signatures are published by themselves, shortly after they
   * become pending.
   */
  linger(): void
  /**
   * Resolves when the newest heads of all members are final, or after a grace period in which no new head arrived.
   */
  settled(): Promise<void>
  stop(): void
}

export interface WitnessingComponents {
  readonly run: Run
  readonly self: string
  readonly neighbours: readonly string[]
  readonly witness: Witness
  readonly history: OwnHistory
  readonly network: Pick<RunNetwork, 'publishHead' | 'fetchDigests'>
  readonly clock: Clock
  readonly logger: Logger
  readonly failpoints: Failpoints
  /** False: heads of others are neither kept nor co-signed, and nobody waits for heads to become final. */
  readonly coSigns: boolean
  saveFinals(finals: readonly FinalHead[]): Promise<void>
}

/** Co-signatures within this time are published together. */
const GATHER_MS = 500
/** How long a finished node waits for the last heads to become final, after it last heard a new head. */
const FINALITY_GRACE_MS = 3_000
/** The longest that it waits in all. */
const FINALITY_LIMIT_MS = 60_000

export function createWitnessing(components: WitnessingComponents): Witnessing {
  const { run, self, neighbours, witness, history, network, clock, logger, failpoints } = components
  let publishing: Promise<void> = Promise.resolve()
  let lingering = false
  let cancelRestating: (() => void) | undefined
  let stopped = false
  let onSettled: (() => void) | undefined
  let onProgress: (() => void) | undefined
  const filling = new Set<string>()
  /** Convicted members: nobody waits for their heads to become final. */
  const excluded = new Set<string>()
  const controller = new AbortController()

  const publishNow = async (): Promise<void> => {
    if (stopped) return
    await failpoints.hit('head.before-sign')
    const message = await witness.sign()
    if (message === undefined) return
    history.noteHead(message)
    await failpoints.hit('head.before-publish')
    await network.publishHead(message)
    await failpoints.hit('head.after-publish')
    void saveFinals('own') // Not awaited: later heads can be used for proofs as well.
    checkSettled()
    restate()
  }

  /** Saves the node's own final head, for proofs, or all that are known. */
  let savedHeight = -1
  let saving: Promise<void> = Promise.resolve()
  const saveFinals = async (which: 'own' | 'all'): Promise<void> => {
    const own = witness.finalHead(self)
    if (own === undefined || (which === 'own' && own.head.body.height <= savedHeight)) return
    savedHeight = own.head.body.height
    saving = saving
      .then(() => components.saveFinals(which === 'all' ? witness.finalHeads() : [own]))
      .catch((error) => logger.error({ err: error }, 'final heads could not be written'))
    await saving
  }

  const publish = (): Promise<void> => {
    cancelRestating?.()
    cancelRestating = undefined
    const next = publishing.then(publishNow)
    publishing = next.catch(() => undefined)
    return next
  }

  const restate = (): void => {
    if (!lingering || stopped || !witness.due || cancelRestating !== undefined) return
    cancelRestating = clock.after(GATHER_MS, () => {
      cancelRestating = undefined
      publish().catch((error) => logger.error({ err: error }, 'co-signatures could not be written'))
    })
  }

  const checkSettled = (): void => {
    if (onSettled === undefined) return
    const isFinal = (author: string, newest: SignedHead | undefined): boolean =>
      newest === undefined || (witness.finalHead(author)?.head.body.height ?? -1) >= newest.body.height
    const others = run.manifest.members.every(
      (member) => excluded.has(member) || isFinal(member, witness.newestHead(member)),
    )
    if (others && isFinal(self, history.head()?.head)) onSettled()
  }

  const judge = (author: string, verdict: HeadVerdict): void => {
    if (verdict === 'witnessed') restate()
    else if (verdict === 'inconsistent') {
      logger.warn({ peer: author }, 'head does not extend the ledger that was seen: not co-signed')
    } else if (verdict === 'gap') {
      fill(author).catch((error) =>
        logger.debug({ peer: author, code: errorCode(error) }, 'missing entry digests could not be fetched'),
      )
    }
    checkSettled()
  }

  /**
   * Asks the author, if it is a neighbour, then others, for the digests between the seen tree and its newest head.
   */
  const fill = async (author: string): Promise<void> => {
    if (filling.has(author)) return
    filling.add(author)
    try {
      const sources = neighbours.includes(author)
        ? [author, ...neighbours.filter((peer) => peer !== author)]
        : neighbours
      for (const source of sources) {
        if (stopped) return
        const digests = await fetchAll(source, author).catch((error) => {
          logger.debug({ peer: source, author, code: errorCode(error) }, 'entry digests could not be fetched')
          return []
        })
        const verdict = witness.fill(author, digests)
        if (verdict === 'gap' || verdict === 'inconsistent') continue
        if (verdict === 'witnessed') restate()
        return
      }
    } finally {
      filling.delete(author)
    }
  }

  const fetchAll = async (source: string, author: string): Promise<Uint8Array[]> => {
    const digests: Uint8Array[] = []
    const from = witness.seen(author)
    while (from + digests.length < run.manifest.training.rounds) {
      const more = await network.fetchDigests(source, author, from + digests.length, controller.signal)
      if (more.length === 0) break
      digests.push(...more)
    }
    return digests
  }

  return {
    head(message) {
      onProgress?.()
      if (components.coSigns) judge(message.head.body.author, witness.consider(message))
    },
    exclude(author) {
      excluded.add(author)
      witness.exclude(author)
      checkSettled()
    },
    publish,
    linger() {
      lingering = true
      restate()
    },
    async settled() {
      if (!components.coSigns) return
      lingering = true
      if (witness.due) await publish()
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          cancelGrace()
          cancelLimit()
          resolve()
        }
        const cancelLimit = clock.after(FINALITY_LIMIT_MS, settle)
        let cancelGrace = clock.after(FINALITY_GRACE_MS, settle)
        onProgress = () => {
          cancelGrace()
          cancelGrace = clock.after(FINALITY_GRACE_MS, settle)
        }
        onSettled = settle
        checkSettled()
      })
      onProgress = undefined
      onSettled = undefined
      await saveFinals('all')
    },
    stop() {
      stopped = true
      cancelRestating?.()
      controller.abort(new DOMException('stop', 'AbortError'))
      onSettled?.()
    },
  }
}
