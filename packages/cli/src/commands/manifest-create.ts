import { existsSync } from 'node:fs'
import { counted, printable } from '@tempered/errors'
import { openTaskFile, readInitial } from '@tempered/lab/documents'
import { fullName } from '@tempered/lab/plugins'
import { roundsText } from '@tempered/lab/text'
import {
  createRunManifest,
  DEFAULT_RULE,
  initialModelPath,
  type RunManifestInit,
  runTopology,
  writeFileAtomic,
  writeInitialModel,
} from '@tempered/node'
import {
  type BuiltInModel,
  cacheFolder,
  type DataSource,
  imageTask,
  loadData,
  type OpenTask,
} from '@tempered/train'
import { CliError } from '../errors.js'
import { settlementOf } from '../settlement/manifest-accounts.js'
import { warnOfParts } from '../terminal/parts-warning.js'
import { loadedNotices } from '../terminal/source-text.js'
import { givenModel, trainerModel } from './manifest-initial.js'
import { peerIdOf } from './node-id.js'
import { type PrivacyOptions, privacyOf, privacyText } from './privacy-options.js'
import { trainingOf } from './training-options.js'

export interface ManifestCreateOptions extends PrivacyOptions {
  readonly member: readonly string[]
  readonly name: string
  readonly out: string
  readonly seed: number
  /** Task file. */
  readonly task?: string
  readonly model?: BuiltInModel
  readonly rule?: string
  readonly ruleParam?: Record<string, number>
  readonly pre?: readonly { name: string; params: Record<string, number> }[]
  readonly topology: string
  readonly topologyParam?: Record<string, number>
  readonly chain?: string
  readonly chainParam?: Record<string, number>
  readonly contribution?: number
  readonly privacy?: 'shares' | 'masks'
  readonly privacyThreshold?: number
  readonly privacyGroup?: number
  readonly privacyRange?: number
  readonly privacyRule?: { name: string; params: Record<string, number> }
  /** File of `settlement deploy`. */
  readonly settlement?: string
  /** Account of a peer id. */
  readonly account?: Readonly<Record<string, string>>
  /** `LIMITS.maxRounds` for a run without an end. */
  readonly rounds: number
  readonly admission?: 'quorum' | 'invitation'
  readonly owner?: readonly string[]
  readonly threshold?: number
  readonly localSteps: number
  readonly batchSize: number
  readonly learningRate: number
  readonly momentum: number
  readonly logitAdjustment: number
  /** Images, or data that fit the task. */
  readonly data?: string
  readonly inputShape?: string
  readonly classes?: number
  /** Model file, exported folder, or a node's state. */
  readonly initial?: string
  /** 1-based round of the state. */
  readonly initialRound?: number
  /** Node folder or configuration with a trainer process. */
  readonly trainer?: string
  readonly collectMs: number
  readonly joinMs: number
  readonly force?: boolean
}

/** `tempered manifest create`: checks everything that the members must agree on and writes it as JSON. */
export async function manifestCreate(options: ManifestCreateOptions): Promise<void> {
  if (!options.force && existsSync(options.out)) {
    throw new CliError(
      'E_USAGE',
      `${options.out} already exists, and nodes may be using it; name another --out or give --force`,
    )
  }
  if (options.chain === undefined && options.chainParam !== undefined)
    throw new CliError('E_USAGE', '--chain-param is a parameter of a chain; name one with --chain')
  const privacy = privacyOf(options)
  const settlement = await settlementOf(options)
  const members: string[] = []
  for (const member of options.member)
    members.push(member.startsWith('12D3Koo') ? member : await peerIdOf(member))
  const learnt = await learntIn(options)
  const run = createRunManifest({
    members,
    name: options.name,
    seed: options.seed,
    ...learnt,
    rule: {
      ...(options.rule === undefined
        ? { name: DEFAULT_RULE.name, params: { ...DEFAULT_RULE.params, ...options.ruleParam } }
        : { name: fullName(options.rule), params: options.ruleParam ?? {} }),
      pre: (options.pre ?? []).map(({ name, params }) => ({ name: fullName(name), params })),
    },
    ...(settlement === undefined ? {} : { settlement }),
    topology: { name: fullName(options.topology), params: options.topologyParam ?? {} },
    ...(options.chain === undefined
      ? {}
      : { chain: { architecture: fullName(options.chain), params: options.chainParam ?? {} } }),
    ...privacyIn(options),
    ...(options.contribution === undefined ? {} : { contribution: { every: options.contribution } }),
    ...(privacy === undefined ? {} : { differentialPrivacy: privacy }),
    training: trainingOf(options, options.rounds),
    ...membershipIn(options),
    deadlines: { collectMs: options.collectMs, joinMs: options.joinMs },
  })
  const { initialParameters } = learnt
  const beside = initialModelPath(options.out)
  // Before the manifest: whoever sees that finds its model too.
  if (initialParameters !== undefined) await writeInitialModel(beside, initialParameters)
  await writeFileAtomic(options.out, `${JSON.stringify(run.manifest, null, 2)}\n`)
  process.stdout.write(`${run.id}\n`)
  process.stderr.write(
    `wrote ${options.out}: ${counted(members.length, 'member')}, ${roundsText(options.rounds)}, rule ${run.manifest.rule.name}\n`,
  )
  const privacyNote = privacyText(run.manifest, options.dpSamples)
  if (privacyNote !== undefined) process.stderr.write(`${privacyNote}\n`)
  if (initialParameters !== undefined) {
    process.stderr.write(
      `wrote ${beside}: the model that the run begins with; give it to the members with the manifest, or they fetch it from one that has it\n`,
    )
  }
  warnOfParts(runTopology(run).graph)
}

function membershipIn({
  admission,
  owner,
  threshold,
}: ManifestCreateOptions): Pick<RunManifestInit, 'membership'> {
  if (admission === undefined && owner === undefined && threshold === undefined) return {}
  return {
    membership: {
      admission: admission ?? 'quorum',
      ...(owner === undefined ? {} : { owners: [...owner] }),
      ...(threshold === undefined ? {} : { threshold }),
    },
  }
}

function privacyIn(options: ManifestCreateOptions): Pick<RunManifestInit, 'privacy'> {
  const { privacy: mode, privacyThreshold, privacyGroup, privacyRange, privacyRule } = options
  const parts = { threshold: privacyThreshold, group: privacyGroup, range: privacyRange, rule: privacyRule }
  if (mode !== undefined) return { privacy: { mode, ...parts } }
  const [lonely] = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (lonely !== undefined)
    throw new CliError(
      'E_USAGE',
      `--privacy-${lonely} is part of private rounds; ask for them with --privacy shares`,
    )
  return {}
}

/** The task of the run, or the model and the images that it classifies; and the parameters to begin with. */
async function learntIn(options: ManifestCreateOptions): Promise<Partial<RunManifestInit>> {
  const { task: file, model = 'mlp', data } = options
  if (file === undefined) {
    const shape = await shapeOf(options)
    const task = imageTask(model, { shape: [...shape.inputShape], classes: shape.classes })
    return { task, ...(await beginning(options, task)) }
  }
  const twice = (['model', 'inputShape', 'classes'] as const).find((name) => options[name] !== undefined)
  if (twice !== undefined) {
    const flag = twice === 'inputShape' ? 'input-shape' : twice
    throw new CliError('E_USAGE', `--${flag} is part of the task; leave it out, or change ${file}`)
  }
  const { open, initial } = await openTaskFile(file)
  if (data !== undefined) noteAll(await loadData({ source: data }, cacheFolder(), open))
  return { task: open, ...(await beginning(options, open, initial)) }
}

function noteAll(source: DataSource): void {
  for (const notice of loadedNotices(source)) process.stderr.write(`note: ${printable(notice)}\n`)
}

/** The parameters to begin with, unless the seed draws them; `own` is the file of the task that gives some. */
async function beginning(
  { initial, initialRound, trainer, seed }: ManifestCreateOptions,
  task: OpenTask,
  own?: string,
): Promise<Pick<RunManifestInit, 'initialParameters'>> {
  if (initial !== undefined && trainer !== undefined)
    throw new CliError('E_USAGE', 'give --initial or --trainer, not both')
  if (initialRound !== undefined && initial === undefined)
    throw new CliError('E_USAGE', '--initial-round is a round of the state folder that --initial names')
  if (initial !== undefined) return { initialParameters: await givenModel(initial, initialRound, task) }
  if (trainer !== undefined) return { initialParameters: await trainerModel(trainer, task, seed) }
  if (own !== undefined) return { initialParameters: await readInitial(own, task) }
  if (task.model !== undefined) return {}
  throw new CliError(
    'E_USAGE',
    `task ${task.task.name} lists tensors, whose first values no seed draws; name a node with a trainer process ` +
      '(--trainer alice), or a file with them (--initial model.safetensors)',
  )
}

/** The images and classes of the run: from the data, or as given, or those of the embedded digits. */
async function shapeOf({ data, inputShape, classes }: ManifestCreateOptions) {
  if (classes !== undefined && classes > MOST_CLASSES)
    throw new CliError('E_USAGE', `--classes must be at most ${MOST_CLASSES}: labels of IDX files are bytes`)
  const given = inputShape === undefined ? undefined : parseShape(inputShape)
  if (data === undefined) return { inputShape: given ?? ([28, 28, 1] as const), classes: classes ?? 10 }
  const loaded = await loadData({ source: data, classes }, cacheFolder())
  noteAll(loaded)
  const { train } = loaded
  const [height = 1, width = 1, channels = 1] = train.shape
  if (given !== undefined && given.join() !== `${height},${width},${channels}`)
    throw new CliError(
      'E_USAGE',
      `--input-shape ${inputShape} is not that of ${data}, ${height},${width},${channels}; leave it out`,
    )
  return { inputShape: [height, width, channels] as const, classes: train.classes }
}

const MOST_CLASSES = 256

function parseShape(text: string): [number, number, number] {
  const parts = text.split(',').map(Number)
  const [height, width, channels] = parts
  const whole = parts.every((part) => Number.isInteger(part) && part > 0)
  if (parts.length !== 3 || !whole || height === undefined || width === undefined || channels === undefined) {
    throw new CliError('E_USAGE', `--input-shape must be height,width,channels, e.g. 28,28,1; got "${text}"`)
  }
  return [height, width, channels]
}
