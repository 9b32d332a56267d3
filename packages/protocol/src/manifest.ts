import { foreignText, shortText } from '@tempered/errors'
import type { CID } from 'multiformats/cid'
import { CID as Cid } from 'multiformats/cid'
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from './codec.js'
import { deadlineFields } from './deadlines.js'
import { differentialPrivacySchema, privacyProblem } from './differential-privacy.js'
import { ProtocolError } from './errors.js'
import { isSha256, namedValues, numericParams, peerIdField, ruleField } from './fields.js'
import { documentCid, RAW } from './hashing.js'
import { publicKeyFromPeerId } from './identity.js'
import { issueText, valueAt } from './issue-text.js'
import { LIMITS } from './limits.js'
import { isAddress } from './statement.js'
import { MODEL_HEADER_BYTES } from './tensor-codec.js'

/** Version of every protocol id, topic and document of this package. */
export const PROTOCOL_VERSION = 2

const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  z.strictObject({ kind: z.literal('inverse-time'), decay: z.number().min(0) }),
  z.strictObject({ kind: z.literal('step'), every: z.int().min(1), factor: z.number().gt(0).max(1) }),
  z.strictObject({ kind: z.literal('cosine') }),
])

const addressField = z
  .string()
  .refine(isAddress, { error: 'must be an address with the checksum of EIP-55 in its case (0x…)' })

/** The run manifest: everything that the nodes of a run must agree on. */
export const manifestSchema = z.strictObject({
  kind: z.literal('tempered/manifest'),
  version: z.literal(PROTOCOL_VERSION),
  name: z.string().min(1).max(100).describe('Name of the run.'),
  seed: z.int().min(0).describe('Seed of the initial parameters, the minibatch order and the topology.'),
  task: namedValues(z.string(), z.unknown()).describe(
    'What is learnt: input, output, loss, metrics, model and parameter layout (see docs/tasks.md).',
  ),
  model: z.strictObject({
    parameterCount: z.int().min(1).describe('Length d of the flat parameter vector.'),
    initialCid: z.string().describe('CID of the initial model of every node.'),
  }),
  rule: ruleField,
  training: z.strictObject({
    rounds: z.int().min(1).max(LIMITS.maxRounds),
    localSteps: z.int().min(0).max(1_000_000).describe('Minibatch steps per node and round.'),
    batchSize: z.int().min(1).max(65_536),
    learningRate: z.number().gt(0),
    momentum: z.number().min(0).lt(1),
    weightDecay: z.number().min(0),
    logitAdjustment: z
      .number()
      .gt(0)
      .optional()
      .describe('Strength τ of logit adjustment; absent for plain cross entropy.'),
    schedule: scheduleSchema,
  }),
  topology: z.strictObject({
    name: z.string().min(1).max(64),
    params: numericParams,
    edges: z
      .array(z.tuple([z.int().min(0), z.int().min(0)]))
      .optional()
      .describe('For a custom topology: index pairs.'),
    mixing: z.enum(['uniform', 'metropolis']),
  }),
  members: z
    .array(peerIdField)
    .min(1)
    .max(LIMITS.maxMembers)
    .describe("Peer ids; a member's position is its index in the topology."),
  deadlines: z.strictObject(deadlineFields),
  limits: z
    .strictObject({
      maxModelBytes: z
        .int()
        .min(1)
        .max(LIMITS.maxModelBytes)
        .describe('Size of a model blob, including its header.'),
      maxAnnouncementBytes: z.int().min(1).max(LIMITS.maxAnnouncementBytes),
      maxEntryBytes: z.int().min(1).max(LIMITS.maxEntryBytes).describe('Size of a ledger entry.'),
      maxNeighbours: z.int().min(0).max(LIMITS.maxNeighbours).describe('Number of neighbours of a node.'),
    })
    .describe('Limits on what a member can make another hold.'),
  chain: z
    .strictObject({
      architecture: z.string().min(1).max(64).describe('How the members agree on blocks, e.g. bft.'),
      params: namedValues(
        z.string().min(1).max(64),
        z.union([z.number(), z.array(z.number()).max(LIMITS.maxMembers)]),
      ).describe('Parameters of the architecture.'),
    })
    .optional()
    .describe('A common chain: every round begins with the aggregate of its newest block. Absent for none.'),
  settlement: z
    .strictObject({
      chainId: z.int().min(1).describe('Chain id of the EVM chain.'),
      contract: addressField.describe('Address of the SlashingManager there.'),
      job: z
        .string()
        .regex(/^0x[0-9a-f]{64}$/, { error: 'must be the number of a job (0x and 64 digits)' })
        .optional()
        .describe('Number of the job that the run is for: two jobs are two runs. Absent for none.'),
      accounts: z
        .array(addressField)
        .max(LIMITS.maxMembers)
        .describe(
          'Account of each member, in the order of `members`; it signs a statement beside each message.',
        ),
    })
    .optional()
    .describe('Accounts of the members on an EVM chain, for runs whose members stake. Absent for none.'),
  contribution: z
    .strictObject({
      every: z
        .int()
        .min(1)
        .max(LIMITS.maxRounds)
        .describe('Every how many rounds nodes score their neighbours; 1 for every round.'),
    })
    .optional()
    .describe(
      'Scores of what each member contributes, in the entries (docs/contribution.md). Absent for none.',
    ),
  privacy: z
    .strictObject({
      mode: z
        .enum(['shares', 'masks'])
        .describe(
          'shares: each model is secretly shared, and filtered by its distances to the others; masks: models are hidden by masks that cancel in their sum, and nothing is filtered.',
        ),
      threshold: z
        .int()
        .min(1)
        .max(LIMITS.maxGroupMembers)
        .describe(
          't: so many members of a group together learn nothing but the sum, and with shares distances.',
        ),
      group: z
        .int()
        .min(3)
        .max(LIMITS.maxGroupMembers)
        .describe('Members of a group at least; groups are drawn anew in each round.'),
      range: z
        .number()
        .gt(0)
        .max(1e12)
        .describe(
          'R: how far, in L2 length, a model may be from the initial one; those farther away are shortened.',
        ),
      rule: z
        .strictObject({ name: z.string().min(1).max(64), params: numericParams })
        .optional()
        .describe('With shares: rule that weighs the models of a group by their distances alone.'),
    })
    .optional()
    .describe(
      'Models are shared among groups, and only sums of them are seen (docs/privacy.md). Absent for none.',
    ),
  differentialPrivacy: differentialPrivacySchema
    .optional()
    .describe('Noise that hides what each node trained on (docs/differential-privacy.md). Absent for none.'),
  membership: z
    .strictObject({
      admission: z
        .enum(['quorum', 'invitation'])
        .describe('Who may add a member while the run goes on: a quorum, or any one who may sign changes.'),
      owners: z
        .array(peerIdField)
        .min(1)
        .max(LIMITS.maxOwners)
        .optional()
        .describe('Peer ids that decide about changes instead of the members; they need not be members.'),
      threshold: z
        .int()
        .min(1)
        .max(LIMITS.maxMembers)
        .optional()
        .describe('Signatures of them that a change needs; default: more than two thirds.'),
    })
    .optional()
    .describe(
      'Who decides about changes of the run. Absent: a quorum of more than two thirds of its members.',
    ),
  patienceRounds: z
    .int()
    .min(1)
    .max(1000)
    .describe(
      'Number of consecutive deadlines that a connected neighbour may miss before nodes stop waiting for it.',
    ),
})

export type Manifest = z.infer<typeof manifestSchema>
export type LearningRateSchedule = z.infer<typeof scheduleSchema>

/** A decided change of a run (`epochs/change.ts`). */
export interface RunChange {
  readonly cid: CID
  /** With the signatures under it. */
  readonly bytes: Uint8Array
}

/** A checked manifest with its canonical bytes and its CID, the run id; in a later epoch with what its changes made of it. */
export interface Run {
  readonly manifest: Manifest
  readonly bytes: Uint8Array
  /** CID of `bytes`; root of every ledger of the run. */
  readonly id: CID
  /** Exact length of every model blob of the run, in bytes. */
  readonly modelBytes: number
  /** Position of each member in the topology. */
  readonly memberIndex: ReadonlyMap<string, number>
  /** All who are or ever were members, in an order that later changes only append to. */
  readonly roster: readonly string[]
  readonly rosterIndex: ReadonlyMap<string, number>
  /** The epoch that this is a view of: which changes of the manifest hold. Undefined for none. */
  readonly epoch: CID | undefined
  /** Those changes, in order of effect, also such that do nothing. */
  readonly changes: readonly RunChange[]
  /** The run in another of its epochs; undefined for one that is not known here. */
  viewOf(epoch: CID | undefined): Run | undefined
}

/** Whether two name the same epoch; null and undefined stand for the manifest as it was made. */
export function isSameEpoch(a: CID | null | undefined, b: CID | null | undefined): boolean {
  return a ? b?.equals(a) === true : !b
}

/** Checks a value as a manifest and seals it. Throws E_MANIFEST (with the field), E_TOO_LARGE. */
export function sealManifest(value: unknown): Run {
  const parsed = manifestSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const path = foreignText(issue?.path.map(String).join('.') ?? '')
    throw manifestError(
      path,
      issue === undefined ? 'malformed' : issueText(issue, valueAt(value, issue.path)),
    )
  }
  const manifest = parsed.data
  dropAbsent(manifest)
  if (manifest.settlement !== undefined) checkAccounts(manifest.settlement.accounts, manifest.members.length)
  const problem = privacyProblem(manifest)
  if (problem !== undefined) throw manifestError(problem.path, problem.message)
  const memberIndex = new Map<string, number>()
  for (const [index, member] of manifest.members.entries()) {
    if (memberIndex.has(member)) throw manifestError(`members.${index}`, `${member} is named twice`)
    if (!isEd25519PeerId(member))
      throw manifestError(`members.${index}`, `${shortText(member)} is not an Ed25519 peer id`)
    memberIndex.set(member, index)
  }
  const modelBytes = MODEL_HEADER_BYTES + 4 * manifest.model.parameterCount
  if (modelBytes > manifest.limits.maxModelBytes) {
    throw manifestError(
      'model.parameterCount',
      `a model of ${modelBytes} bytes is over the limit of ${manifest.limits.maxModelBytes}`,
    )
  }
  checkInitialCid(manifest.model.initialCid)
  const bytes = encodeCanonical(manifest)
  if (bytes.byteLength > LIMITS.maxManifestBytes) {
    throw new ProtocolError(
      'E_TOO_LARGE',
      `manifest: ${bytes.byteLength} bytes, at most ${LIMITS.maxManifestBytes} are allowed`,
    )
  }
  checkMembership(manifest)
  const run: Run = {
    ...{ manifest, bytes, id: documentCid(bytes), modelBytes, memberIndex },
    roster: manifest.members,
    rosterIndex: memberIndex,
    epoch: undefined,
    changes: [],
    viewOf: (epoch) => (epoch === undefined ? run : undefined),
  }
  return run
}

/** Opens canonical manifest bytes that came from a peer or a ledger. */
export function openManifest(bytes: Uint8Array): Run {
  return sealManifest(decodeCanonical(bytes, LIMITS.maxManifestBytes, 'manifest'))
}

/** A missing field and one that is explicitly undefined are the same manifest. */
function dropAbsent(manifest: Manifest): void {
  const { topology, training, settlement, differentialPrivacy, privacy, membership } = manifest
  if (topology.edges === undefined) delete topology.edges
  if (training.logitAdjustment === undefined) delete training.logitAdjustment
  if (settlement?.job === undefined) delete settlement?.job
  if (differentialPrivacy?.sharedAmong === undefined) delete differentialPrivacy?.sharedAmong
  if (privacy?.rule === undefined) delete privacy?.rule
  if (membership?.owners === undefined) delete membership?.owners
  if (membership?.threshold === undefined) delete membership?.threshold
  for (const name of [
    'chain',
    'settlement',
    'contribution',
    'differentialPrivacy',
    'privacy',
    'membership',
  ] as const)
    if (manifest[name] === undefined) delete manifest[name]
}

function checkInitialCid(text: string): void {
  let cid: CID
  try {
    cid = Cid.parse(text)
  } catch {
    throw manifestError('model.initialCid', `"${text.slice(0, 80)}" is not a CID`)
  }
  if (cid.version !== 1 || cid.code !== RAW || !isSha256(cid) || cid.toString() !== text) {
    throw manifestError('model.initialCid', 'must be a CIDv1 of raw bytes with SHA-256 in base32')
  }
}

/** Throws E_MANIFEST unless there is one account per member, and no two have the same. */
function checkAccounts(accounts: readonly string[], members: number): void {
  if (accounts.length !== members)
    throw manifestError('settlement.accounts', `${accounts.length} accounts for ${members} members`)
  const seen = new Set<string>()
  for (const [index, account] of accounts.entries()) {
    if (seen.has(account)) throw manifestError(`settlement.accounts.${index}`, `${account} is named twice`)
    seen.add(account)
  }
}

/** Throws E_MANIFEST unless owners are each named once, and as many can sign as must. */
function checkMembership({ membership, members }: Manifest): void {
  if (membership === undefined) return
  const { owners, threshold } = membership
  for (const [index, owner] of (owners ?? []).entries()) {
    if (owners!.indexOf(owner) < index)
      throw manifestError(`membership.owners.${index}`, `${owner} is named twice`)
    if (!isEd25519PeerId(owner))
      throw manifestError(`membership.owners.${index}`, `${shortText(owner)} is not an Ed25519 peer id`)
  }
  const signers = owners?.length ?? members.length
  if (threshold !== undefined && threshold > signers)
    throw manifestError('membership.threshold', `${threshold} signatures of ${signers} signers`)
}

function isEd25519PeerId(peer: string): boolean {
  try {
    return publicKeyFromPeerId(peer).byteLength === 32
  } catch {
    return false
  }
}

function manifestError(path: string, message: string): ProtocolError {
  return new ProtocolError('E_MANIFEST', `run manifest${path === '' ? '' : `, field ${path}`}: ${message}`, {
    path,
  })
}
