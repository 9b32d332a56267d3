import { counted } from '@tempered/errors'
import { bytes } from '@tempered/lab/text'
import type { ProcessUse } from './soak-node.js'
import { type InvalidOperation, SOAK_FAULTS, type SoakFaultKind, type ValidOperation } from './soak-plan.js'

/** What a soak has seen. */
export interface SoakRecord {
  readonly seconds: number
  readonly nodes: readonly SoakNodeRecord[]
  readonly faults: Readonly<Record<SoakFaultKind, number>>
  readonly operations: Readonly<Record<ValidOperation, { readonly done: number; readonly failed: number }>>
  readonly invalid: Readonly<
    Record<InvalidOperation, { readonly refused: number; readonly accepted: number }>
  >
  /** Operations that failed on nodes that nothing disturbed. */
  readonly failures: readonly string[]
  /** Members that announced two models for one round, as all ledgers together show. */
  readonly contradictions: readonly { readonly member: string; readonly round: number }[]
  /** Processes that were still there after everything had been stopped. */
  readonly orphans: readonly number[]
  /** What the undisturbed nodes dropped, by kind and code. */
  readonly rejects: readonly { readonly kind: string; readonly code: string; readonly count: number }[]
}

export interface SoakNodeRecord {
  readonly name: string
  /** Never disturbed. */
  readonly isSteady: boolean
  readonly starts: number
  /** Entries of its ledger at the end. */
  readonly entries: number
  /** Round of the first and of the newest entry, from 0; −1 for none. */
  readonly lastRound: number
  /** Why its ledger does not verify; undefined if it does. */
  readonly ledgerError: string | undefined
  /** Heads that it has shown: number of entries, and the CID of the newest one. */
  readonly shown: readonly { readonly entries: number; readonly head: string }[]
  /** The same of the ledger at the end: CID by number of entries. */
  readonly headAt: (entries: number) => string | undefined
  /** Members that it has quarantined. */
  readonly quarantined: readonly string[]
  /** When it had warmed up, and at the end; undefined where it was not measured. */
  readonly use: { readonly before: ProcessUse; readonly after: ProcessUse } | undefined
}

/** Growth of memory that is none: what a runtime may hold more at one moment than at another. */
const MEMORY_SLACK = 96 * 1024 * 1024
/** Descriptors that a node may have more at one moment than at another: connections that are just being made. */
const DESCRIPTOR_SLACK = 24
/** A soak with less did not test anything. */
const LEAST = { roundsPerMinute: 6, invalidPerMinute: 4, operationsPerMinute: 40, faultsPerMinute: 1 }
/** From this length on, each kind of fault must have happened. */
const ALL_FAULTS_AFTER_SECONDS = 300

/** What must not have happened; empty for a soak that was passed. */
export function soakViolations(record: SoakRecord): string[] {
  return [
    ...record.nodes.flatMap(ledgerViolations),
    ...record.nodes.flatMap(growthViolations),
    ...operationViolations(record),
    ...record.contradictions.map(({ member, round }) => `${member} signed two models for round ${round + 1}`),
    ...(record.orphans.length > 0
      ? [`${counted(record.orphans.length, 'process', 'processes')} left over: ${record.orphans.join(', ')}`]
      : []),
    ...loadViolations(record),
  ]
}

function ledgerViolations({
  name,
  ledgerError,
  entries,
  shown,
  headAt,
  quarantined,
}: SoakNodeRecord): string[] {
  const violations: string[] = []
  if (ledgerError !== undefined) violations.push(`${name}: its ledger does not verify: ${ledgerError}`)
  const lost = shown.find((head) => head.entries > entries)
  if (lost !== undefined)
    violations.push(
      `${name}: its ledger had ${counted(lost.entries, 'entry', 'entries')} and has ${entries}: some were lost`,
    )
  const changed = shown.find((head) => head.entries <= entries && headAt(head.entries) !== head.head)
  if (changed !== undefined)
    violations.push(`${name}: entry ${changed.entries} of its ledger is not the one that it had shown`)
  for (const member of quarantined) violations.push(`${name}: has quarantined ${member}, which is honest`)
  return violations
}

function growthViolations({ name, isSteady, starts, use }: SoakNodeRecord): string[] {
  if (!isSteady) return []
  if (starts > 1) return [`${name}: ended ${counted(starts - 1, 'time')} though nothing disturbed it`]
  if (use === undefined) return []
  const { before, after } = use
  return [
    ...(after.memory > 1.25 * before.memory + MEMORY_SLACK
      ? [`${name}: its memory grew from ${bytes(before.memory)} to ${bytes(after.memory)}`]
      : []),
    ...(after.descriptors > before.descriptors + DESCRIPTOR_SLACK
      ? [`${name}: its descriptors grew from ${before.descriptors} to ${after.descriptors}`]
      : []),
  ]
}

function operationViolations({ invalid, failures }: SoakRecord): string[] {
  return [
    ...Object.entries(invalid)
      .filter(([, { accepted }]) => accepted > 0)
      .map(([operation, { accepted }]) => `${operation} was accepted ${counted(accepted, 'time')}`),
    ...failures,
  ]
}

function loadViolations({ seconds, nodes, faults, operations, invalid }: SoakRecord): string[] {
  const minutes = seconds / 60
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
  const load: [what: string, count: number, perMinute: number][] = [
    ...nodes
      .filter(({ isSteady }) => isSteady)
      .map(({ name, entries }): [string, number, number] => [
        `rounds of ${name}`,
        entries,
        LEAST.roundsPerMinute,
      ]),
    ['invalid operations', sum(Object.values(invalid).map(({ refused }) => refused)), LEAST.invalidPerMinute],
    ['operations', sum(Object.values(operations).map(({ done }) => done)), LEAST.operationsPerMinute],
    ['faults', sum(Object.values(faults)), LEAST.faultsPerMinute],
  ]
  const thin = load
    .filter(([, count, perMinute]) => count < Math.floor(perMinute * minutes))
    .map(
      ([what, count, perMinute]) =>
        `no real load: ${count} ${what} in ${Math.round(seconds)} s, at least ${Math.floor(perMinute * minutes)} are needed`,
    )
  const missing = SOAK_FAULTS.filter((kind) => faults[kind] === 0)
  if (seconds >= ALL_FAULTS_AFTER_SECONDS && missing.length > 0)
    thin.push(`no real load: no fault of kind ${missing.join(', ')}`)
  return thin
}
