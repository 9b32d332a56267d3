import { describe, expect, it } from 'vitest'
import { type SoakNodeRecord, type SoakRecord, soakViolations } from '../../../src/soak/soak-checker.js'
import { INVALID_OPERATIONS, SOAK_FAULTS, VALID_OPERATIONS } from '../../../src/soak/soak-plan.js'

const MB = 1024 * 1024
const counts = <K extends string, V>(keys: readonly K[], value: V) =>
  Object.fromEntries(keys.map((key) => [key, value])) as Record<K, V>

const head = (entries: number) => `head ${entries}`
const node = (changes: Partial<SoakNodeRecord> = {}): SoakNodeRecord => ({
  name: 'n0',
  isSteady: true,
  starts: 1,
  entries: 1000,
  lastRound: 999,
  ledgerError: undefined,
  shown: [
    { entries: 10, head: head(10) },
    { entries: 990, head: head(990) },
  ],
  headAt: head,
  quarantined: [],
  use: {
    before: { memory: 200 * MB, descriptors: 30 },
    after: { memory: 210 * MB, descriptors: 31 },
  },
  ...changes,
})
/** A soak of ten minutes in which all went well. */
const record = (changes: Partial<SoakRecord> = {}): SoakRecord => ({
  seconds: 600,
  nodes: [node(), node({ name: 'n1', isSteady: false, starts: 9, entries: 300, shown: [], use: undefined })],
  faults: counts(SOAK_FAULTS, 5),
  operations: counts(VALID_OPERATIONS, { done: 200, failed: 0 }),
  invalid: counts(INVALID_OPERATIONS, { refused: 10, accepted: 0 }),
  failures: [],
  contradictions: [],
  orphans: [],
  rejects: [],
  ...changes,
})
const withNode = (changes: Partial<SoakNodeRecord>) => record({ nodes: [node(changes)] })

describe('the checker of a soak', () => {
  it('passes one in which all went well', () => {
    expect(soakViolations(record())).toEqual([])
  })

  it.each<[what: string, record: SoakRecord, violation: RegExp]>([
    [
      'a ledger that does not verify',
      withNode({ ledgerError: 'bad signature' }),
      /n0: its ledger does not verify: bad/,
    ],
    [
      'a ledger that is shorter than it was',
      withNode({ shown: [{ entries: 1001, head: head(1001) }] }),
      /had 1001 entries and has 1000/,
    ],
    [
      'an entry that is not the one that was shown',
      withNode({ shown: [{ entries: 990, head: 'another' }] }),
      /entry 990 of its ledger is not the one/,
    ],
    ['an honest member in quarantine', withNode({ quarantined: ['honest'] }), /has quarantined honest/],
    ['an undisturbed node that ended', withNode({ starts: 2 }), /ended 1 time though nothing/],
    [
      'memory that grows',
      withNode({
        use: { before: { memory: 200 * MB, descriptors: 30 }, after: { memory: 400 * MB, descriptors: 30 } },
      }),
      /memory grew from 209.72 MB to 419.43 MB/,
    ],
    [
      'descriptors that leak',
      withNode({
        use: { before: { memory: 200 * MB, descriptors: 30 }, after: { memory: 200 * MB, descriptors: 60 } },
      }),
      /descriptors grew from 30 to 60/,
    ],
    [
      'two models signed for one round',
      record({ contradictions: [{ member: 'liar', round: 4 }] }),
      /liar signed two models for round 5/,
    ],
    ['a process that is left over', record({ orphans: [4242] }), /1 process left over: 4242/],
    [
      'an invalid operation that was accepted',
      record({
        invalid: {
          ...counts(INVALID_OPERATIONS, { refused: 10, accepted: 0 }),
          nonsense: { refused: 9, accepted: 1 },
        },
      }),
      /nonsense was accepted 1 time/,
    ],
    [
      'an operation that failed on an undisturbed node',
      record({ failures: ['status of n0 failed'] }),
      /status of n0/,
    ],
    [
      'too few rounds',
      withNode({ entries: 50, shown: [] }),
      /no real load: 50 rounds of n0 in 600 s, at least 60/,
    ],
    [
      'too few operations',
      record({ operations: counts(VALID_OPERATIONS, { done: 1, failed: 0 }) }),
      /no real load: 5 operations/,
    ],
    [
      'too few invalid operations',
      record({ invalid: counts(INVALID_OPERATIONS, { refused: 0, accepted: 0 }) }),
      /no real load: 0 invalid operations/,
    ],
    ['no faults', record({ faults: counts(SOAK_FAULTS, 0) }), /no real load: 0 faults/],
    [
      'a kind of fault that did not happen',
      record({ faults: { ...counts(SOAK_FAULTS, 5), freeze: 0 } }),
      /no fault of kind freeze/,
    ],
  ])('notices %s', (_what, planted, violation) => {
    const violations = soakViolations(planted)
    expect(
      violations.some((text) => violation.test(text)),
      violations.join('\n'),
    ).toBe(true)
  })
})
