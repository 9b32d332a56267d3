import { encodeCanonical } from '@tempered/protocol'
import { type Hex, keccak256, stringToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  checkTerms,
  type JobDocument,
  openJob,
  runOfJob,
  sampleRunOf,
  sealJob,
  targetTerms,
} from '../../src/jobs/job-document.js'
import { jobDocument, sealedJob } from '../support/job.js'

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('a job’s document', () => {
  it('is opened by its hash, and has the paid rounds', () => {
    const job = sealedJob()
    expect(openJob(job.bytes, job.hash)).toMatchObject({ hash: job.hash, mostRounds: 10 })
  })

  it('is refused under another hash', () => {
    expect(codeOf(() => openJob(sealedJob().bytes, `0x${'0'.repeat(64)}`))).toBe('E_JOB')
  })

  const { manifest } = jobDocument()
  it.each<[string, object, string]>([
    ['members', { manifest: { ...manifest, members: [] } }, 'E_MALFORMED'],
    ['accounts', { manifest: { ...manifest, settlement: {} } }, 'E_MALFORMED'],
    ['no chain', { manifest: { ...manifest, chain: undefined } }, 'E_JOB'],
    ['no scores', { manifest: { ...manifest, contribution: undefined } }, 'E_JOB'],
    ['too few rounds', { manifest: { ...manifest, training: { rounds: 4 } } }, 'E_JOB'],
    ['rounds that are no number', { manifest: { ...manifest, training: { rounds: 'many' } } }, 'E_JOB'],
    [
      'a target beyond all numbers',
      { target: { metric: 'accuracy', value: 1e300, better: 'higher' } },
      'E_MALFORMED',
    ],
    ['pay by nothing', { pay: 'mood' }, 'E_MALFORMED'],
    ['another kind', { kind: 'tempered/manifest' }, 'E_MALFORMED'],
    ['a stray field', { more: 1 }, 'E_MALFORMED'],
  ])('with %s is refused', (_, change, code) => {
    const { manifest: changed, ...rest } = { ...jobDocument(), ...change } as JobDocument
    const kept = Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined))
    expect(codeOf(() => sealJob({ ...rest, manifest: kept }))).toBe(code)
  })

  it('of more bytes than a manifest may have is refused before it is read', () => {
    const bytes = encodeCanonical({ ...jobDocument(), manifest: { x: 'a'.repeat(2_000_000) } })
    expect(
      codeOf(() =>
        sealJob({
          ...jobDocument(),
          manifest: { chain: 1, contribution: 1, training: { rounds: 9 }, x: 'a'.repeat(2_000_000) },
        }),
      ),
    ).toBe('E_JOB')
    expect(bytes.byteLength).toBeGreaterThan(1_900_000)
  })
})

describe('the run of a job', () => {
  const place = {
    chainId: 5,
    slashing: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
    job: `0x${'7'.repeat(64)}`,
  } as const

  it('is the same for everybody who knows the members in their order', () => {
    const job = sealedJob()
    const { manifest } = sampleRunOf(job, 3)
    const members = manifest.members.map((peerId, k) => ({
      peerId,
      account: manifest.settlement!.accounts[k] as Hex,
    }))
    const run = runOfJob(job, members, place)
    expect(runOfJob(openJob(job.bytes, job.hash), members, place).id.equals(run.id)).toBe(true)
    expect(runOfJob(job, [...members].reverse(), place).id.equals(run.id)).toBe(false)
    expect(run.manifest.settlement).toEqual({
      chainId: 5,
      contract: place.slashing,
      job: place.job,
      accounts: members.map(({ account }) => account),
    })
    expect(run.manifest.training.rounds).toBe(14)
    // The same job, posted again.
    const twin = runOfJob(job, members, { ...place, job: `0x${'8'.repeat(64)}` })
    expect(twin.id.equals(run.id)).toBe(false)
  })
})

describe('terms', () => {
  const job = sealedJob()
  const terms = { ...targetTerms(job.document), mostRounds: 10 }

  it('say the target in millionths, and the metric by its hash', () => {
    expect(terms).toEqual({
      metric: keccak256(stringToHex('accuracy')),
      target: 850_000n,
      lowerIsBetter: false,
      mostRounds: 10,
    })
    expect(() => checkTerms(job, terms)).not.toThrow()
  })

  it.each([
    ['metric', { metric: keccak256(stringToHex('loss')) }],
    ['target', { target: 1n }],
    ['direction', { lowerIsBetter: true }],
    ['rounds', { mostRounds: 11 }],
  ])('with another %s are not those of the document', (_, change) => {
    expect(codeOf(() => checkTerms(job, { ...terms, ...change }))).toBe('E_JOB')
  })
})
