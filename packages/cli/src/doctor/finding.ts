import type { Identity } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { NodeConfig } from '../config/node-config.js'
import type { StatusDocument } from '../operate/status-document.js'

/** What `tempered doctor` can examine. */
export type CheckName =
  | 'configuration'
  | 'key'
  | 'state'
  | 'run'
  | 'data'
  | 'disk'
  | 'limits'
  | 'clock'
  | 'addresses'
  | 'bootstrap'
  | 'round'

/** `note`: something was not examined, and why. */
export type Level = 'ok' | 'note' | 'warning' | 'problem'

/** The outcome of one check. */
export interface Finding {
  readonly check: CheckName
  readonly level: Level
  readonly text: string
  /** What to do about it; null where there is nothing to do. */
  readonly remedy: string | null
}

/** What the checks know of the node. */
export interface Patient {
  readonly config: NodeConfig
  /** Undefined if the key cannot be read. */
  readonly identity: Identity | undefined
  /** Undefined if there is no manifest yet, or it cannot be read. */
  readonly run: Run | undefined
  /** The node that runs on this folder; undefined for none. */
  readonly running: StatusDocument | undefined
}

/** Makes the findings of one check. */
export const findingsOf = (check: CheckName) => ({
  ok: (text: string): Finding => ({ check, level: 'ok', text, remedy: null }),
  note: (text: string): Finding => ({ check, level: 'note', text, remedy: null }),
  warning: (text: string, remedy: string): Finding => ({ check, level: 'warning', text, remedy }),
  problem: (text: string, remedy: string): Finding => ({ check, level: 'problem', text, remedy }),
})

const ORDER: readonly Level[] = ['ok', 'note', 'warning', 'problem']

/** The worst level of all. */
export function worstOf(findings: readonly Finding[]): Level {
  return findings.reduce<Level>(
    (worst, { level }) => (ORDER.indexOf(level) > ORDER.indexOf(worst) ? level : worst),
    'ok',
  )
}
