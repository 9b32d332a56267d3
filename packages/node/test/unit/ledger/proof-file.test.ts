import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CarReader } from '@ipld/car'
import {
  accuseEntry,
  accuseModel,
  blobCid,
  decodeCanonical,
  documentCid,
  type Evidence,
  encodeCanonical,
  encodeModel,
  makeEvidence,
  makeForkEvidence,
  proveInclusion,
  type SignedEntry,
} from '@tempered/protocol'
import { beforeAll, describe, expect, it } from 'vitest'
import { byteStep } from '../../../../../test-support/tier.js'
import { errorCode } from '../../../src/errors.js'
import { encodeCarHeader, encodeCarSection } from '../../../src/ledger/car.js'
import {
  checkProofFile,
  PROOF_LIMITS,
  packMisbehaviourProof,
  packWholeProof,
} from '../../../src/ledger/proof-file.js'
import { finalHead } from '../../support/final-fixture.js'
import { blobs, lookup, replayableEntry, storeModel } from '../../support/replay-fixture.js'
import {
  announce,
  headOf,
  makeChain,
  makeRun,
  modelCid,
  run,
  signers,
  stranger,
} from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const [offender] = signers
let honest: SignedEntry[]
/** Stands on `honest[0]`, and names an aggregate that the rule does not give. */
let liar: SignedEntry
let wrong: Evidence

beforeAll(async () => {
  const first = await replayableEntry(undefined)
  honest = [first, await replayableEntry(first)]
  liar = await replayableEntry(first, { aggregate: storeModel(1, 1, 9, 1) })
  wrong = accuseEntry(liar)
})

const pack = (evidence: Evidence, parent?: SignedEntry, at = lookup) =>
  packMisbehaviourProof(run, evidence, parent, at)

async function fileOf(parts: readonly Uint8Array[]): Promise<string> {
  const path = join(await temporaryFolder(), 'proof.car')
  await writeFile(path, Buffer.concat(parts))
  return path
}

/** The code with which a file is refused; fails when it is not. */
async function refusal(parts: readonly Uint8Array[]): Promise<string> {
  const path = await fileOf(parts)
  return checkProofFile(path).then(
    () => expect.fail('it convinced'),
    (error) => errorCode(error),
  )
}

/** Every flip of a byte must be noticed. */
async function expectNoFlipPasses(parts: readonly Uint8Array[]): Promise<void> {
  const whole = Buffer.concat(parts)
  const path = await fileOf([whole])
  for (let offset = 0; offset < whole.byteLength; offset += byteStep) {
    const damaged = Buffer.from(whole)
    damaged[offset] ^= 1 << (offset % 8)
    await writeFile(path, damaged)
    const convinced = await checkProofFile(path).then(
      () => true,
      (error) => expect(errorCode(error), `byte ${offset}: ${error}`).not.toBe('E_INTERNAL'),
    )
    if (convinced === true) expect.fail(`byte ${offset}: it convinced`)
  }
}

const equivocation = () =>
  makeEvidence(announce(offender, 3, { model: modelCid(1) }), announce(offender, 3, { model: modelCid(2) }))

const nonFinite = () => {
  const bytes = encodeModel(Float32Array.of(1, Number.NaN, 1, 1))
  blobs.set(blobCid(bytes).toString(), bytes)
  return accuseModel(announce(offender, 2, { model: blobCid(bytes) }))
}

describe('the proof of a wrong aggregate', () => {
  it('convinces from its bytes alone and names the parameter', async () => {
    const checked = await checkProofFile(await fileOf(await pack(wrong, honest[0])))
    expect(checked).toMatchObject({ kind: 'misbehaviour', evidence: { offender: offender.peerId, round: 1 } })
    expect(checked.kind === 'misbehaviour' && checked.judgement.difference).toMatchObject({
      field: 'aggregate',
      coordinate: 0,
      recorded: '1',
      computed: '11',
    })
    expect(checked.run.id.equals(run.id)).toBe(true)
  })

  it('has no byte in which a flip passes', async () => expectNoFlipPasses(await pack(wrong, honest[0])))

  it('is read by the stock CAR reader', async () => {
    const reader = await CarReader.fromBytes(Buffer.concat(await pack(wrong, honest[0])))
    const [root] = await reader.getRoots()
    expect(await reader.has(root)).toBe(true)
    expect(await reader.has(run.id)).toBe(true)
    expect(await reader.has(liar.cid)).toBe(true)
    expect(await reader.has(liar.body.start)).toBe(true)
  })

  it('cannot be made against an honest entry, and one that was forged does not convince', async () => {
    await expect(pack(accuseEntry(honest[1]), honest[0])).rejects.toMatchObject({ code: 'E_PROOF' })
    const parts = await pack(wrong, honest[0])
    const [, root, manifest, , parent] = parts
    const document = documentOf(root)
    const forged = forge({ ...document, evidence: honest[1].cid, blobs: document.blobs.slice(0, -1) })
    const entry = encodeCarSection(honest[1].cid, honest[1].bytes)
    const own = parts.slice(5, -1)
    expect(await refusal([...forged, manifest, entry, parent, ...own])).toBe('E_PROOF')
  })

  it('cannot leave out or exchange the entry below', async () => {
    await expect(pack(wrong)).rejects.toMatchObject({ code: 'E_PROOF' })
    await expect(pack(wrong, honest[1])).rejects.toMatchObject({ code: 'E_PROOF' })
    const parts = await pack(wrong, honest[0])
    const [, root, manifest, evidence] = parts
    const rest = parts.slice(5)
    const without = forge({ ...documentOf(root), parent: null })
    expect(await refusal([...without, manifest, evidence, ...rest])).toBe('E_PROOF')
    const other = forge({ ...documentOf(root), parent: honest[1].cid })
    const otherParent = encodeCarSection(honest[1].cid, honest[1].bytes)
    expect(await refusal([...other, manifest, evidence, otherParent, ...rest])).toBe('E_PROOF')
  })

  it('must bring all blobs that it needs and no others', async () => {
    const needed = liar.body.start.toString()
    await expect(
      pack(wrong, honest[0], async (cid) => (cid === needed ? undefined : lookup(cid))),
    ).rejects.toMatchObject({ code: 'E_PROOF' })
    const parts = await pack(wrong, honest[0])
    const document = documentOf(parts[1])
    const less = forge({ ...document, blobs: document.blobs.slice(1) })
    expect(await refusal([...less, ...parts.slice(2, 5), ...parts.slice(6)])).toBe('E_PROOF')
    const stray = storeModel(5, 5, 5, 5)
    const more = forge({ ...document, blobs: [...document.blobs, stray] })
    const section = encodeCarSection(stray, blobs.get(stray.toString())!)
    expect(await refusal([...more, ...parts.slice(2), section])).toBe('E_PROOF')
    expect(await refusal([...parts, section])).toBe('E_CAR')
    expect(await refusal(parts.slice(0, -1))).toBe('E_CAR')
  })

  it('names no more blobs than a round can have', async () => {
    const [, root] = await pack(wrong, honest[0])
    const withBlobs = (count: number) =>
      forge({ ...documentOf(root), blobs: Array.from({ length: count }, (_, k) => modelCid(k)) })
    // The manifest that should follow is missing from the first; the second is refused before it is looked for.
    expect(await refusal(withBlobs(PROOF_LIMITS.maxBlobs))).toBe('E_CAR')
    expect(await refusal(withBlobs(PROOF_LIMITS.maxBlobs + 1))).toBe('E_PROOF')
  })

  it('convinces without the aggregate that was named, by its hash', async () => {
    const hidden = liar.body.aggregate.toString()
    const parts = await pack(wrong, honest[0], async (cid) => (cid === hidden ? undefined : lookup(cid)))
    const checked = await checkProofFile(await fileOf(parts))
    expect(checked.kind === 'misbehaviour' && checked.judgement.difference).toMatchObject({
      recorded: hidden,
    })
  })

  it('is about members of the run only', async () => {
    const foreign = makeRun({ members: [stranger, ...signers.slice(1, 4)] })
    const parts = await pack(wrong, honest[0])
    const document = forge({ ...documentOf(parts[1]), manifest: foreign.id })
    const manifest = encodeCarSection(foreign.id, foreign.bytes)
    expect(await refusal([...document, manifest, ...parts.slice(3)])).toBe('E_WRONG_RUN')
  })
})

describe('proofs of other misbehaviour', () => {
  it('two announcements and two heads prove themselves', async () => {
    const fork = makeForkEvidence(headOf(offender, 2).head, headOf(offender, 2, { entry: modelEntry }).head)
    for (const evidence of [equivocation(), fork]) {
      const parts = await pack(evidence)
      const checked = await checkProofFile(await fileOf(parts))
      expect(checked).toMatchObject({ kind: 'misbehaviour', evidence: { kind: evidence.kind } })
      await expectNoFlipPasses(parts)
    }
  })

  it('a model that is not finite is shown by its blob', async () => {
    const parts = await pack(nonFinite())
    const checked = await checkProofFile(await fileOf(parts))
    expect(checked.kind === 'misbehaviour' && checked.judgement.what).toContain('parameter 1 is not finite')
    await expectNoFlipPasses(parts)
  })

  it('a blob of another length is shown, a good model acquits', async () => {
    const short = encodeModel(Float32Array.of(1))
    blobs.set(blobCid(short).toString(), short)
    const evidence = accuseModel(announce(offender, 2, { model: blobCid(short) }))
    const checked = await checkProofFile(await fileOf(await pack(evidence)))
    expect(checked.kind === 'misbehaviour' && checked.judgement.what).toContain('20 bytes where 32 are due')
    const good = accuseModel(announce(offender, 2, { model: storeModel(1, 2, 3, 4) }))
    await expect(pack(good)).rejects.toMatchObject({ code: 'E_PROOF' })
  })

  it('says nothing else than its evidence', async () => {
    const parts = await pack(equivocation())
    const forged = forge({ ...documentOf(parts[1]), misdeed: 'forked-ledger' })
    expect(await refusal([...forged, ...parts.slice(2)])).toBe('E_PROOF')
    const unknown = forge({ ...documentOf(parts[1]), misdeed: 'rudeness' })
    expect(await refusal([...unknown, ...parts.slice(2)])).toBe('E_PROOF')
  })
})

describe('an inclusion proof as a file', () => {
  const chain = makeChain(5)

  it('convinces when enough members signed, and no flip passes', async () => {
    const parts = packWholeProof(proveInclusion(run, chain, 2, finalHead(chain, 4)))
    const checked = await checkProofFile(await fileOf(parts))
    expect(checked).toMatchObject({ kind: 'inclusion', inclusion: { final: true, quorum: 3 } })
    expect(checked.kind === 'inclusion' && checked.inclusion.entry.cid.equals(chain[2].cid)).toBe(true)
    await expectNoFlipPasses(parts)
  })

  it('does not convince with too few signatures', async () => {
    const { head, cosignatures } = finalHead(chain, 4)
    const proof = proveInclusion(run, chain, 2, { head, cosignatures: cosignatures.slice(1) })
    expect(await refusal(packWholeProof(proof))).toBe('E_PROOF')
  })
})

it('a file that is no proof is refused', async () => {
  expect(await refusal([Buffer.from('hello')])).toBe('E_CAR')
  expect(await refusal([encodeCarHeader(run.id), encodeCarSection(run.id, run.bytes)])).toBe('E_PROOF')
  expect((await readFile(await fileOf([]))).byteLength).toBe(0)
  expect(await refusal([])).toBe('E_CAR')
  // A block that says it is longer than a proof document may be: refused before anything is allocated for it.
  const claim = Uint8Array.of(0xff, 0xff, 0xff, 0x7f)
  expect(await refusal([encodeCarHeader(run.id), claim])).toBe('E_CAR')
})

const modelEntry = documentCid(Uint8Array.of(1))

interface Document {
  readonly blobs: readonly unknown[]
}

/** The proof document in the section that carries it: a length of two bytes, a CID of 36, the document. */
function documentOf(section: Uint8Array): Document & Record<string, unknown> {
  const bytes = section.slice(section.byteLength > 128 + 37 ? 38 : 37)
  return decodeCanonical(bytes, bytes.byteLength, 'test') as Document & Record<string, unknown>
}

/** Header and first section of a file with another document. */
function forge(document: unknown): Uint8Array[] {
  const bytes = encodeCanonical(document)
  return [encodeCarHeader(documentCid(bytes)), encodeCarSection(documentCid(bytes), bytes)]
}
