import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { counted } from '@tempered/lab/text'
import { errorMessage, LEDGER_FILE, lockOwner, verifyLedgerFile } from '@tempered/node'
import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, note, warning, problem } = findingsOf('state')

/** Larger ledgers are not verified here: it would take more than some seconds. */
const MOST_LEDGER_BYTES = 64 * 1024 * 1024

/** The state folder: there or possible, writable, in use by whom, and whether its ledger verifies. */
export async function checkState({ config, running }: Patient): Promise<Finding[]> {
  const { state } = config
  const info = await stat(state).catch(() => undefined)
  if (info === undefined) return [await checkMissing(state)]
  if (!info.isDirectory())
    return [problem(`${state} is not a folder`, 'move that file away, or change `state`')]
  return [
    ...(await checkWritable(state)),
    ...(await checkOwner(state, running?.pid)),
    await checkLedger(state, running !== undefined),
  ]
}

async function checkMissing(state: string): Promise<Finding> {
  let above = dirname(state)
  while ((await stat(above).catch(() => undefined)) === undefined && dirname(above) !== above)
    above = dirname(above)
  return (await isWritable(above))
    ? ok(`${state} is not there yet; the first start creates it`)
    : problem(`${state} is not there, and ${above} cannot be written`, 'create it for the user of the node')
}

async function checkWritable(state: string): Promise<Finding[]> {
  if (!(await isWritable(state)))
    return [
      problem(
        `${state} cannot be written by this user`,
        `make it writable for the user of the node: chown it, and chmod u+rwx ${state}`,
      ),
    ]
  const names = await readdir(state)
  const closed: string[] = []
  for (const name of names) if (!(await isWritable(join(state, name)))) closed.push(name)
  if (closed.length === 0) return [ok(`${state} can be written`)]
  return [
    problem(
      `${counted(closed.length, 'file')} in ${state} cannot be written by this user: ${closed.slice(0, 5).join(', ')}`,
      'was the node started as another user once? chown the folder to the user of the node',
    ),
  ]
}

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )

async function checkOwner(state: string, answering: number | undefined): Promise<Finding[]> {
  const owner = await lockOwner(state)
  if (owner === undefined) return []
  if (!owner.isAlive)
    return [
      ok(
        `its last node was killed, or crashed: the lock of process ${owner.pid} is left, and the next start takes it over`,
      ),
    ]
  if (owner.pid === answering) return [ok(`in use by process ${owner.pid}, which answers`)]
  return [
    warning(
      `in use by process ${owner.pid}, which does not answer on the socket`,
      'wait until it has started or stopped; its log says what it does. Otherwise ask as the same user, or stop it',
    ),
  ]
}

async function checkLedger(state: string, isRunning: boolean): Promise<Finding> {
  const path = join(state, LEDGER_FILE)
  const size = (await stat(path).catch(() => undefined))?.size
  if (size === undefined) return ok('no ledger yet')
  if (isRunning) return note('the ledger was verified when the node started, and is not read while it writes')
  if (size > MOST_LEDGER_BYTES)
    return note(
      `the ledger has ${(size / 1e6).toFixed(0)} MB and was not verified; run: tempered ledger verify ${state}`,
    )
  try {
    const verdict = await verifyLedgerFile(path)
    if (verdict.ok) return ok(`the ledger verifies: ${counted(verdict.entries, 'entry', 'entries')}`)
    const place = verdict.entry < 0 ? 'header or manifest' : `entry ${verdict.entry + 1}`
    return verdict.entry >= 0 && verdict.message.includes('the file ends inside')
      ? warning(
          `the ledger ends inside an entry, as after a power failure: ${place}`,
          'start the node: it sets the incomplete entry aside',
        )
      : problem(
          `the ledger does not verify: ${place}: ${verdict.code}: ${verdict.message}`,
          'restore the newest copy of the state folder; never go on from an older one than the peers have seen',
        )
  } catch (error) {
    return problem(`${path}: ${errorMessage(error)}`, 'make it readable for this user')
  }
}
