import { createSigner, type Manifest, type Run, type Signer, sealManifest } from '@tempered/protocol'

export interface PrivateRunInit {
  readonly members: number
  readonly parameterCount?: number
  readonly privacy?: Partial<NonNullable<Manifest['privacy']>>
  readonly rounds?: number
}

export const signerOf = (member: number): Signer => createSigner(new Uint8Array(32).fill(member + 1))

/** A private run whose members have the keys of `signerOf`. */
export function privateRun({ members, parameterCount = 40, privacy = {}, rounds = 5 }: PrivateRunInit): Run {
  return sealManifest({
    kind: 'tempered/manifest',
    version: 2,
    name: 'private',
    seed: 1,
    task: {},
    model: { parameterCount, initialCid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' },
    rule: { name: 'mean', params: {}, pre: [] },
    training: {
      rounds,
      localSteps: 1,
      batchSize: 1,
      learningRate: 0.1,
      momentum: 0,
      weightDecay: 0,
      schedule: { kind: 'constant' },
    },
    topology: { name: 'complete', params: {}, mixing: 'uniform' },
    members: Array.from({ length: members }, (_, member) => signerOf(member).peerId),
    deadlines: { joinMs: 1, collectMs: 1, dialMs: 1, firstByteMs: 1, transferMs: 1, reconnectMs: 1 },
    limits: {
      maxModelBytes: 4 * parameterCount + 1024,
      maxAnnouncementBytes: 1024,
      maxEntryBytes: 256 * 1024,
      maxNeighbours: 256,
    },
    privacy: {
      mode: 'shares',
      threshold: 2,
      group: members,
      range: 8,
      ...(privacy.mode === 'masks' ? {} : { rule: { name: 'multi-krum', params: { f: 1 } } }),
      ...privacy,
    },
    patienceRounds: 3,
  })
}
