import { createRunManifest, randomIdentity } from '@tempered/node'
import type { Manifest } from '@tempered/protocol'
import { imageTask } from '@tempered/train'
import { type JobDocument, type SealedJob, sealJob } from '../../src/jobs/job-document.js'

/** A job of ten paid rounds on digits, with others in place of its usual fields. */
export function jobDocument(
  more: Partial<JobDocument> = {},
  training: Partial<Manifest['training']> = {},
): JobDocument {
  const { manifest } = createRunManifest({
    members: Array.from({ length: 4 }, () => randomIdentity().signer.peerId),
    task: imageTask('softmax', { shape: [28, 28, 1], classes: 10 }),
    rule: { name: 'geometric-median' },
    chain: { architecture: 'bft', params: {} },
    contribution: { every: 1 },
    training: { rounds: 14, ...training },
  })
  const { members: _, ...template } = manifest
  return {
    kind: 'tempered/job',
    version: 1,
    manifest: template,
    target: { metric: 'accuracy', value: 0.85, better: 'higher' },
    pay: 'equal',
    licence: 'Apache-2.0',
    ...more,
  }
}

export function sealedJob(
  more: Partial<JobDocument> = {},
  training: Partial<Manifest['training']> = {},
): SealedJob {
  return sealJob(jobDocument(more, training))
}
