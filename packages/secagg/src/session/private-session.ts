import type { SignedGroupWord } from '@tempered/protocol'
import type { Decision } from './decide.js'
import type { Finding } from './findings.js'
import { GroupSession } from './group-session.js'
import { MaskSession } from './mask-session.js'
import type { GroupSessionInit, SessionEffect, SessionEvent, SessionPhase } from './session-steps.js'
import type { GroupWords } from './words.js'

/** One private round of one member, of either mode. Equal events give equal effects. */
export interface PrivateSession {
  readonly words: GroupWords
  readonly phase: SessionPhase
  readonly isOver: boolean
  /** What this member has come to itself. */
  readonly decision: Decision | undefined
  /** To be called once, before any event. */
  start(): readonly SessionEffect[]
  handle(event: SessionEvent): readonly SessionEffect[]
  /** What was found out about members so far. */
  findings(): readonly Finding[]
  /** The words that belong in the ledger. */
  recorded(): readonly SignedGroupWord[]
  /** Members that have left out a step that this member has seen the end of. */
  missing(): ReadonlySet<number>
}

/** The session of the run's mode. */
export function createPrivateSession(init: GroupSessionInit): PrivateSession {
  return init.group.mode === 'masks' ? new MaskSession(init) : new GroupSession(init)
}
