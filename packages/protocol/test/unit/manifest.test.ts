import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../src/codec.js'
import { blobCid, documentCid } from '../../src/hashing.js'
import { LIMITS } from '../../src/limits.js'
import { openManifest, sealManifest } from '../../src/manifest.js'
import { codeOf, manifestValue, modelCid, otherRun, refusal, run, signers } from '../support/documents.js'

type Value = Record<string, unknown>
/** The fixture with the value at a dotted path replaced. */
function withField(path: string, value: unknown): Value {
  const manifest = manifestValue() as Value
  const keys = path.split('.')
  let target = manifest
  for (const key of keys.slice(0, -1)) target = target[key] as Value
  target[keys.at(-1)!] = value
  return manifest
}

describe('sealManifest', () => {
  it('gives the canonical bytes, their CID, the model length and the member positions', () => {
    expect(run.id.equals(documentCid(run.bytes))).toBe(true)
    expect(run.modelBytes).toBe(16 + 4 * 14)
    expect([...run.memberIndex]).toEqual(signers.slice(0, 4).map((signer, k) => [signer.peerId, k]))
    const again = openManifest(run.bytes)
    expect(again.id.equals(run.id)).toBe(true)
    expect(again.manifest).toEqual(run.manifest)
  })

  it.each<[string, unknown, string]>([
    ['training.learningRate', -1, 'field training.learningRate: must be above 0, not -1'],
    ['training.rounds', 'three', 'field training.rounds: must be a number, not "three"'],
    ['training.rounds', undefined, 'field training.rounds: is missing'],
    ['topology.mixing', 'unifrom', 'must be uniform or metropolis, not "unifrom"; did you mean uniform?'],
    ['training.round', 3, 'field training: unknown key round'],
  ])('says what is wrong with %s: %j in words of its own', (path, value, text) => {
    expect(() => sealManifest(withField(path, value))).toThrow(text)
  })

  it('does not depend on the order in which the fields were written', () => {
    const reversed = Object.fromEntries(Object.entries(manifestValue()).reverse())
    expect(sealManifest(reversed).id.equals(run.id)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['kind', 'tempered/other'],
    ['version', 1],
    ['version', '2'],
    ['name', ''],
    ['name', 'x'.repeat(101)],
    ['seed', -1],
    ['seed', 0.5],
    ['seed', 2 ** 53],
    ['task', 'a name'],
    ['task', []],
    ['model.parameterCount', 0],
    ['model.parameterCount', 0.5],
    ['model.initialCid', 'no cid'],
    ['model.initialCid', 5],
    ['rule.name', ''],
    ['rule.params', []],
    ['rule.params.gamma', '0.3'],
    ['rule.params.gamma', Number.NaN],
    ['rule.params.gamma', Number.POSITIVE_INFINITY],
    ['training.rounds', 0],
    ['training.localSteps', -1],
    ['training.localSteps', 1_000_001],
    ['training.batchSize', 0],
    ['training.batchSize', 65_537],
    ['training.learningRate', 0],
    ['training.learningRate', Number.NaN],
    ['training.momentum', 1],
    ['training.momentum', -0.1],
    ['training.weightDecay', -1],
    ['training.logitAdjustment', 0],
    ['training.logitAdjustment', Number.NaN],
    ['training.schedule.kind', 'linear'],
    ['training.schedule.decay', -1],
    ['topology.name', ''],
    ['topology.params.degree', null],
    ['topology.edges', [[0]]],
    ['topology.edges', [[0, -1]]],
    ['topology.mixing', 'random'],
    ['members', []],
    ['members.1', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ['members.1', `12D3Koo${'z'.repeat(45)}`],
    ['members.3', signers[0].peerId],
    ['deadlines.joinMs', 0],
    ['deadlines.collectMs', 86_400_001],
    ['deadlines.dialMs', 1.5],
    ['deadlines.firstByteMs', '5'],
    ['deadlines.transferMs', -1],
    ['deadlines.reconnectMs', Number.POSITIVE_INFINITY],
    ['limits.maxModelBytes', LIMITS.maxModelBytes + 1],
    ['limits.maxAnnouncementBytes', LIMITS.maxAnnouncementBytes + 1],
    ['limits.maxEntryBytes', LIMITS.maxEntryBytes + 1],
    ['limits.maxNeighbours', LIMITS.maxNeighbours + 1],
    ['patienceRounds', 0],
    ['patienceRounds', 1001],
  ])('refuses %s = %j and names the field', (path, value) => {
    const error = refusal(() => sealManifest(withField(path, value)))
    expect(error.code).toBe('E_MANIFEST')
    const named = String(error.details.path)
    expect(`${path}.`.startsWith(`${named}.`) || `${named}.`.startsWith(`${path}.`)).toBe(true)
    expect(error.message).toContain(named)
    expect(named).not.toBe('')
  })

  it("takes a model of exactly the run's own limit and refuses one byte more", () => {
    expect(sealManifest(withField('limits.maxModelBytes', run.modelBytes)).modelBytes).toBe(run.modelBytes)
    const error = refusal(() => sealManifest(withField('limits.maxModelBytes', run.modelBytes - 1)))
    expect(error.code).toBe('E_MANIFEST')
    expect(error.message).toContain(`limit of ${run.modelBytes - 1}`)
  })

  const paths = (value: unknown, prefix = ''): string[] =>
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? [prefix]
      : Object.entries(value).flatMap(([key, inner]) => [
          ...(prefix === '' ? [] : [prefix]),
          ...paths(inner, prefix === '' ? key : `${prefix}.${key}`),
        ])
  const required = [...new Set(paths(manifestValue()))].filter((path) => !/params\.|task\./.test(path))

  it.each(required)('refuses a manifest without %s', (path) => {
    const error = refusal(() => sealManifest(withField(path, undefined)))
    expect(error.code).toBe('E_MANIFEST')
    expect(error.message).toContain(path.split('.')[0])
  })

  it.each(['', 'model.', 'rule.', 'training.', 'training.schedule.', 'topology.', 'deadlines.'])(
    'refuses an unknown key in "%s"',
    (prefix) => {
      const error = refusal(() => sealManifest(withField(`${prefix}surprise`, 1)))
      expect(error.code).toBe('E_MANIFEST')
      expect(error.message).toContain('surprise')
    },
  )

  it('refuses a parameter named __proto__, which would otherwise vanish', () => {
    for (const part of ['rule', 'topology']) {
      const params = JSON.parse('{"__proto__": 3}')
      expect(codeOf(() => sealManifest(withField(`${part}.params`, params)))).toBe('E_MANIFEST')
    }
  })

  it('refuses an initial model that is not a CIDv1 of raw bytes with SHA-256 in base32', () => {
    const raw = modelCid(0)
    const short = `${raw.toString().slice(0, -8)}aaaaaaaa`
    for (const text of [
      documentCid(Uint8Array.of(1)).toString(),
      raw.toString().toUpperCase(),
      short.slice(0, -1),
    ]) {
      expect(codeOf(() => sealManifest(withField('model.initialCid', text)))).toBe('E_MANIFEST')
    }
    // Identity multihash of three bytes.
    expect(codeOf(() => sealManifest(withField('model.initialCid', 'bafkqaa3bmjrq')))).toBe('E_MANIFEST')
  })

  it.each([null, undefined, 5, 'text', []])('refuses %j', (value) => {
    expect(codeOf(() => sealManifest(value))).toBe('E_MANIFEST')
  })

  it('treats a logit adjustment that is undefined as absent', () => {
    const value = manifestValue()
    const sealed = sealManifest({ ...value, training: { ...value.training, logitAdjustment: undefined } })
    expect(sealed.id.equals(sealManifest(value).id)).toBe(true)
  })

  it('treats edges that are undefined as absent', () => {
    const value = manifestValue()
    const sealed = sealManifest({ ...value, topology: { ...value.topology, edges: undefined } })
    expect(sealed.id.equals(run.id)).toBe(true)
  })
})

describe('the run id', () => {
  it.each<[string, unknown]>([
    ['name', 'other'],
    ['seed', 8],
    ['task.kind', 'another task'],
    ['task.layout.0.shape.1', 8],
    ['model.parameterCount', 15],
    ['model.initialCid', modelCid(9).toString()],
    ['rule.name', 'krum'],
    ['rule.params.gamma', 0.30000000000000004],
    ['rule.params.more', 0],
    ['training.rounds', 21],
    ['training.localSteps', 6],
    ['training.batchSize', 33],
    ['training.learningRate', 0.06],
    ['training.momentum', 0],
    ['training.weightDecay', 0.1],
    ['training.logitAdjustment', 1],
    ['training.schedule', { kind: 'constant' }],
    ['training.schedule.decay', 0.02],
    ['topology.name', 'ring'],
    ['topology.params.k', 2],
    ['topology.edges', [[0, 1]]],
    ['topology.mixing', 'metropolis'],
    ['members', manifestValue().members.toReversed()],
    ['members', manifestValue().members.slice(0, 3)],
    ...Object.keys(manifestValue().deadlines).map((key): [string, unknown] => [`deadlines.${key}`, 7]),
    ...Object.keys(manifestValue().limits).map((key): [string, unknown] => [`limits.${key}`, 200]),
    ['patienceRounds', 4],
  ])('changes with %s', (path, value) => {
    expect(sealManifest(withField(path, value)).id.equals(run.id)).toBe(false)
  })
})

describe('openManifest', () => {
  it('refuses bytes that are not the canonical encoding', () => {
    expect(codeOf(() => openManifest(new Uint8Array([...run.bytes, 0])))).toMatch(
      /E_MALFORMED|E_NOT_CANONICAL/,
    )
  })

  it('refuses or changes the run id for a flip in any byte', () => {
    for (let k = 0; k < run.bytes.byteLength; k++) {
      const changed = run.bytes.slice()
      changed[k] ^= 1 << (k % 8)
      try {
        expect(openManifest(changed).id.equals(run.id)).toBe(false)
      } catch (error) {
        expect(error).toMatchObject({ name: 'ProtocolError' })
      }
    }
  })
})

describe('manifest limits', () => {
  const peers = (count: number) =>
    Array.from({ length: count }, (_, k) => {
      // Distinct public keys need not be points of the curve to be ids.
      const key = new Uint8Array(32)
      new DataView(key.buffer).setUint32(0, k)
      return key
    })

  it('take the most members and refuse one more', async () => {
    const { peerIdFromPublicKey } = await import('../../src/identity.js')
    const members = peers(LIMITS.maxMembers + 1).map(peerIdFromPublicKey)
    expect(sealManifest({ ...manifestValue(), members: members.slice(1) }).memberIndex.size).toBe(
      LIMITS.maxMembers,
    )
    const error = refusal(() => sealManifest({ ...manifestValue(), members }))
    expect(error.details.path).toBe('members')
  })

  it('take the most rounds and refuse one more', () => {
    expect(() => sealManifest(withField('training.rounds', LIMITS.maxRounds))).not.toThrow()
    expect(codeOf(() => sealManifest(withField('training.rounds', LIMITS.maxRounds + 1)))).toBe('E_MANIFEST')
  })

  it('take the largest model and refuse one parameter more', () => {
    const largest = (LIMITS.maxModelBytes - 16) / 4
    expect(sealManifest(withField('model.parameterCount', largest)).modelBytes).toBe(LIMITS.maxModelBytes)
    const error = refusal(() => sealManifest(withField('model.parameterCount', largest + 1)))
    expect(error.details.path).toBe('model.parameterCount')
  })

  it('take a manifest of the most bytes, sealed and opened, and refuse one byte more', () => {
    /** A manifest of exactly `bytes` bytes, padded with edges (3 bytes each) and its name. */
    const sized = (bytes: number) => {
      const value = manifestValue()
      const edges: [number, number][] = []
      const empty = encodeCanonical({ ...value, name: '', topology: { ...value.topology, edges } }).byteLength
      // The list's own head grows from one byte to five, the name's from one to two.
      const room = bytes - empty - 5
      for (let k = 0; k < Math.floor((room - 30) / 3); k++) edges.push([0, 1])
      const fill = room - 3 * edges.length
      return { ...value, name: 'n'.repeat(fill), topology: { ...value.topology, edges } }
    }
    const largest = sized(LIMITS.maxManifestBytes)
    expect(encodeCanonical(largest).byteLength).toBe(LIMITS.maxManifestBytes)
    const sealed = sealManifest(largest)
    expect(openManifest(sealed.bytes).id.equals(sealed.id)).toBe(true)
    const over = sized(LIMITS.maxManifestBytes + 1)
    expect(codeOf(() => sealManifest(over))).toBe('E_TOO_LARGE')
    expect(codeOf(() => openManifest(encodeCanonical(over)))).toBe('E_TOO_LARGE')
  })

  it('are those of the run that is announced: another name is another run', () => {
    expect(otherRun.id.equals(run.id)).toBe(false)
    expect(blobCid(run.bytes).equals(run.id)).toBe(false)
  })
})
