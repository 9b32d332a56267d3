import { existsSync } from 'node:fs'
import { counted, errorCode } from '@tempered/errors'
import { openTaskFile } from '@tempered/lab/documents'
import { fullName } from '@tempered/lab/plugins'
import { createRunManifest, manifestTask, randomIdentity } from '@tempered/node'
import type { JobDocument, Pay } from '@tempered/settlement'
import { type BuiltInModel, imageTask } from '@tempered/train'
import { coinsText, weiOf } from '../config/coins.js'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { awaitJob } from '../settlement/await-job.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import {
  type OpenedSettlement,
  openSettlement,
  type SettlementOptions,
  type SettlementSettings,
  settingsOf,
} from '../settlement/open-settlement.js'
import { claimRest } from '../settlement/take-back.js'
import type { Target } from '../settlement/target.js'
import { createUserJob, dropUserJob, reopenUserJob, type UserJob } from '../settlement/user-job.js'
import { trainingOf } from './training-options.js'

export interface JobPostOptions extends SettlementOptions {
  readonly target: Target
  /** Sums in wei. */
  readonly budget: bigint
  readonly perRound?: bigint
  readonly rounds: number
  readonly members: number
  readonly stake?: bigint
  readonly pay: Pay
  readonly licence: string
  readonly acceptWithin: number
  readonly settleWithin: number
  readonly task?: string
  readonly model: BuiltInModel
  readonly seed: number
  readonly rule: string
  readonly ruleParam?: Record<string, number>
  readonly pre?: readonly { name: string; params: Record<string, number> }[]
  readonly localSteps: number
  readonly batchSize: number
  readonly learningRate: number
  readonly momentum: number
  readonly logitAdjustment: number
  readonly scoreEvery: number
  readonly collectMs: number
  readonly deltaMs: number
  readonly joinMs: number
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
  readonly out?: string
}

const say = (what: string): void => {
  process.stderr.write(`${what}\n`)
}

/** `tempered job post`. */
export async function jobPost(options: JobPostOptions): Promise<void> {
  checkOptions(options)
  const settings = await settingsOf(options)
  await whileUninterrupted(async (signal) => {
    const end = await runJob(options, settings, signal, {
      say,
      posted(id, folder) {
        process.stdout.write(`${id}\n`)
        say(
          `job posted, folder ${folder}; keep this command running: members fetch the job document from it and deliver the model to it`,
        )
      },
    })
    report(end, signal)
  })
}

/** `settlement.jobs.leastFee` of a node that does not set it, in wei. */
const LEAST_PAY = weiOf('0.0001')
const MOST_MEMBERS = 128
const MOST_SECONDS = 366 * 86_400
/** A run may have a million; some are for measuring. */
const MOST_ROUNDS = 999_000

/** What the contract would reject without a reason. */
function checkOptions(options: JobPostOptions): void {
  const { settleWithin, acceptWithin, members, rounds, budget } = options
  const wrong =
    settleWithin <= acceptWithin
      ? `--settle-within ${settleWithin}: must be more than --accept-within, ${acceptWithin}`
      : settleWithin > MOST_SECONDS
        ? `--settle-within ${settleWithin}: must be at most ${MOST_SECONDS} (366 days)`
        : members > MOST_MEMBERS
          ? `--members ${members}: must be at most ${MOST_MEMBERS}`
          : rounds > MOST_ROUNDS
            ? `--rounds ${rounds}: must be at most ${MOST_ROUNDS}`
            : budget === 0n
              ? '--budget: must be more than 0'
              : undefined
  if (wrong !== undefined) throw new CliError('E_USAGE', wrong)
}

/** `tempered job resume`. */
export async function jobResume(folder: string, options: SettlementOptions): Promise<void> {
  const settings = await settingsOf(options)
  await whileUninterrupted(async (signal) => {
    const opened = await openSettlement(settings, say)
    report(await wait(opened, await reopenUserJob({ folder, opened, say }), say, signal), signal)
  })
}

async function whileUninterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stopping = new AbortController()
  const interruption = onInterrupt(async () =>
    stopping.abort(new DOMException('stopped by a signal', 'AbortError')),
  )
  try {
    await work(stopping.signal)
  } catch (error) {
    if (!stopping.signal.aborted) throw error
  } finally {
    interruption.dispose()
    if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  }
}

function report({ file, isReached }: JobEnd, signal: AbortSignal): void {
  if (file !== undefined) process.stdout.write(`${file}\n`)
  if (signal.aborted) return
  if (file === undefined)
    throw new CliError(
      'E_GOAL_MISSED',
      'the job was refunded: there is no model, and the budget was returned',
    )
  if (!isReached)
    throw new CliError('E_GOAL_MISSED', 'the model was delivered, but does not reach the target')
}

/** What a job has left a user with. */
export interface JobEnd {
  /** File of the model; undefined for a job that was refunded or left. */
  readonly file: string | undefined
  readonly isReached: boolean
}

export interface JobReporter {
  say(what: string): void
  posted(id: `0x${string}`, folder: string): void
}

/** Posts a job and waits for it. */
export async function runJob(
  options: JobPostOptions,
  settings: SettlementSettings,
  signal: AbortSignal,
  reporter: JobReporter,
): Promise<JobEnd> {
  const { sealJob } = await loadSettlement()
  const job = sealJob(await documentOf(options))
  const opened = await openSettlement(settings, reporter.say)
  const folder = options.out ?? newFolder(`job-${job.hash.slice(2, 10)}`)
  const user = await createUserJob(
    {
      ...{ folder, opened, say: reporter.say },
      listen: options.listen ?? ['/ip4/0.0.0.0/tcp/0'],
      announce: options.announce ?? [],
    },
    job,
  )
  const closeOnSignal = (): void => opened.close()
  signal.addEventListener('abort', closeOnSignal, { once: true })
  const id = await post(options, opened, user).catch(async (error) => {
    await user.host.stop()
    opened.close()
    if (!wasSent(error)) await dropUserJob(user)
    else
      reporter.say(
        `the job may have been posted and its budget locked; check with \`tempered job resume ${folder}\``,
      )
    throw error
  })
  signal.removeEventListener('abort', closeOnSignal)
  await user.posted(id)
  reporter.posted(id, folder)
  return wait(opened, user, reporter.say, signal)
}

/** Whether a transaction may be on its way although the call ended with this error. */
const wasSent = (error: unknown): boolean =>
  !['E_REVERTED', 'E_FUNDS', 'E_USAGE'].includes(errorCode(error) ?? '')

/** The first name that is free: the same document may be posted more than once. */
function newFolder(name: string): string {
  for (let k = 1; ; k++) {
    const folder = k === 1 ? name : `${name}-${k}`
    if (!existsSync(folder)) return folder
  }
}

async function wait(
  opened: OpenedSettlement,
  user: UserJob,
  tell: (what: string) => void,
  signal: AbortSignal,
): Promise<JobEnd> {
  signal.addEventListener('abort', () => opened.close(), { once: true })
  try {
    const file = await awaitJob(user, opened, tell, signal)
    if (signal.aborted) {
      tell(`stopped; continue with \`tempered job resume ${user.folder}\``)
      return { file, isReached: false }
    }
    return { file, isReached: await conclude(opened, user, tell) }
  } finally {
    await user.host.stop()
    opened.close()
  }
}

/** What a run needs, except its members. */
async function documentOf(options: JobPostOptions): Promise<JobDocument> {
  const { MEASURING_ROUNDS } = await loadSettlement()
  const { target, members, pay, task: file, model } = options
  const task =
    file === undefined
      ? imageTask(model, { shape: [28, 28, 1], classes: 10 })
      : (await openTaskFile(file)).open
  if (task.model === undefined)
    throw new CliError(
      'E_USAGE',
      `${file}: lists tensors, which cannot be initialised from a seed; a job needs a model given as layers`,
    )
  const run = createRunManifest({
    members: Array.from({ length: members }, () => randomIdentity().signer.peerId),
    name: 'job',
    seed: options.seed,
    task,
    rule: {
      name: fullName(options.rule),
      params: options.ruleParam ?? {},
      pre: (options.pre ?? []).map(({ name, params }) => ({ name: fullName(name), params })),
    },
    chain: { architecture: 'bft', params: { deltaMs: options.deltaMs } },
    contribution: { every: options.scoreEvery },
    training: trainingOf(options, options.rounds + MEASURING_ROUNDS),
    deadlines: { collectMs: options.collectMs, joinMs: options.joinMs },
  })
  const { primary } = manifestTask(run.manifest)
  if (primary.name !== target.metric || primary.better !== target.better)
    throw new CliError(
      'E_USAGE',
      `--target: the metric of the task is ${primary.name} (${primary.better} is better); ` +
        `write ${primary.name}${primary.better === 'higher' ? '>=' : '<='}…`,
    )
  if (primary.unit === 'share' && (target.value < 0 || target.value > 1))
    throw new CliError(
      'E_USAGE',
      `--target: ${primary.name} is between 0 and 1, so it cannot be ${target.value}; write 0.9 for 90 %`,
    )
  const { members: _, settlement: __, ...manifest } = run.manifest
  return { kind: 'tempered/job', version: 1, manifest, target, pay, licence: options.licence }
}

/** Locks the budget; resolves with the id of the job. */
async function post(
  options: JobPostOptions,
  { client, outbox }: OpenedSettlement,
  { job, host }: UserJob,
): Promise<`0x${string}`> {
  const { artifacts, PLACE_SEPARATOR, postedIn, targetTerms } = await loadSettlement()
  const { budget, members } = options
  const rounds = BigInt(job.mostRounds)
  const roundFee = options.perRound ?? budget / 2n / rounds
  if (roundFee * rounds > budget)
    throw new CliError(
      'E_USAGE',
      `--per-round ${coinsText(roundFee)}: ${rounds} rounds cost ${coinsText(roundFee * rounds)}, more than the budget, ${coinsText(budget)}`,
    )
  const { timestamp } = await client.reader.getBlock()
  const terms = {
    task: job.hash,
    ...targetTerms(job.document),
    mostRounds: job.mostRounds,
    members,
    baseFee: budget - roundFee * rounds,
    roundFee,
    stake: options.stake ?? budget / BigInt(members),
    acceptUntil: timestamp + BigInt(options.acceptWithin),
    settleUntil: timestamp + BigInt(options.settleWithin),
  }
  if (budget / BigInt(members) < LEAST_PAY)
    say(
      `warning: each member gets at most ${coinsText(budget / BigInt(members))}; nodes with default settings decline jobs that pay less than ${coinsText(LEAST_PAY)}`,
    )
  const receipt = await outbox.send({
    address: client.contracts.escrow,
    abi: artifacts.JobEscrow.abi,
    functionName: 'post',
    args: [terms, host.addresses().join(PLACE_SEPARATOR)],
    value: budget,
  })
  return postedIn(receipt)
}

/** Says whether the target was reached, and claims what is left. Resolves with whether it was. */
async function conclude(
  opened: OpenedSettlement,
  user: UserJob,
  tell: (what: string) => void,
): Promise<boolean> {
  const { jobStatus, metricText } = await loadSettlement()
  const { outcome } = await jobStatus(opened.client, user.id!, opened.place.fromBlock)
  let isReached = false
  if (outcome !== undefined) {
    const { metric, better, value } = user.job.document.target
    const measured = Number(outcome.metric) / 1e6
    isReached = better === 'higher' ? measured >= value : measured <= value
    tell(
      `${metric} ${metricText(outcome.metric)} after ${counted(outcome.rounds, 'round')}: target ${better === 'higher' ? '>=' : '<='} ${value} ${isReached ? 'reached' : 'missed'}`,
    )
  }
  await claimRest(opened, tell)
  return isReached
}
