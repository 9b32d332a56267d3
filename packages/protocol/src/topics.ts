import type { CID } from 'multiformats/cid'
import { PROTOCOL_VERSION } from './manifest.js'

/** Gossip topics of one run. Nodes of other runs never see each other's messages. */
export interface RunTopics {
  readonly announcement: string
  readonly head: string
  readonly evidence: string
  /** Changes of the run, with signatures under them. */
  readonly change: string
  /** Blocks of the common chain and what its members say to each other beside them; only runs with a chain use them. */
  readonly block: string
  readonly chainMessage: string
  /** What members of a group say in a private round; only private runs use it. */
  readonly groupWord: string
}

export function runTopics(run: CID): RunTopics {
  const prefix = `/tempered/${PROTOCOL_VERSION}/${run.toString()}`
  // Head messages of the first version carried their lists; nodes that send those are on another topic.
  return {
    announcement: `${prefix}/announcement`,
    head: `${prefix}/head/2`,
    evidence: `${prefix}/evidence`,
    change: `${prefix}/change`,
    block: `${prefix}/block`,
    chainMessage: `${prefix}/chain-message`,
    groupWord: `${prefix}/group-word`,
  }
}

/**
 * Direct stream protocols. The run is named inside `hello`, so that a node of another run can be refused with a
 * reason.
 */
export const STREAM_PROTOCOLS = {
  hello: `/tempered/hello/${PROTOCOL_VERSION}`,
  manifest: `/tempered/manifest/${PROTOCOL_VERSION}`,
  status: `/tempered/status/${PROTOCOL_VERSION}`,
  peers: `/tempered/peers/${PROTOCOL_VERSION}`,
  reach: '/tempered/reach/1',
  // Version 1 opened a stream for each model.
  blob: '/tempered/blob/2',
  digests: `/tempered/digests/${PROTOCOL_VERSION}`,
  entries: `/tempered/entries/${PROTOCOL_VERSION}`,
  finals: `/tempered/finals/${PROTOCOL_VERSION}`,
  blocks: `/tempered/blocks/${PROTOCOL_VERSION}`,
  groupWords: `/tempered/group-words/${PROTOCOL_VERSION}`,
  changes: '/tempered/changes/1',
  join: '/tempered/join/1',
  // Outside of runs.
  document: '/tempered/document/1',
  delivery: '/tempered/delivery/1',
} as const
