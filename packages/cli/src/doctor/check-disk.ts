import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { bytes, isOpenEnded } from '@tempered/lab/text'
import type { Run } from '@tempered/protocol'
import type { NodeConfig } from '../config/node-config.js'
import { measureDisk } from '../operate/disk-use.js'
import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, note, warning, problem } = findingsOf('disk')

/** Ledger, announcements and copies of others' ledgers, per round and neighbour; measured entries have about 350. */
const ENTRY_BYTES = 400
/** What should stay free besides, for logs and everything else. */
const SPARE_BYTES = 100e6

/** Free space against what the rest of the run takes. */
export async function checkDisk({ config, run }: Patient): Promise<Finding[]> {
  let folder = config.state
  while ((await stat(folder).catch(() => undefined)) === undefined && dirname(folder) !== folder)
    folder = dirname(folder)
  const { freeBytes } = await measureDisk(folder)
  if (freeBytes === null) return [note('this system does not say how much disk is free')]
  const { stateBytes } = folder === config.state ? await measureDisk(folder) : { stateBytes: 0 }
  const used = `${bytes(stateBytes)} used, ${bytes(freeBytes)} free`
  if (run === undefined) return [note(`${used}; what the run needs is not known without its manifest`)]
  const need = Math.max(0, runBytes(config, run) - (stateBytes ?? 0))
  const text = `${used}, about ${bytes(need)} more needed for the run`
  const remedy = 'free space, or set a smaller `keepRounds` or a `diskBudgetMB`'
  if (need > freeBytes) return [problem(text, remedy)]
  return [need + SPARE_BYTES > freeBytes ? warning(text, remedy) : ok(text)]
}

/** Rounds of a run without an end for which there should be room. */
const OPEN_ENDED_ROUNDS = 10_000

/** Bytes that the state of a whole run takes: the models that are kept, and everything that grows by the round. */
export function runBytes(
  { keepRounds, diskBudgetMB }: Pick<NodeConfig, 'keepRounds' | 'diskBudgetMB'>,
  run: Pick<Run, 'manifest' | 'modelBytes'>,
): number {
  const { members, training, limits } = run.manifest
  const others = Math.min(members.length - 1, limits.maxNeighbours)
  // Of each round its model and its aggregate; two rounds are kept whatever the budget is.
  const models = Math.min(keepRounds, training.rounds) * 2 * run.modelBytes
  const budget =
    diskBudgetMB === undefined ? Number.POSITIVE_INFINITY : Math.max(diskBudgetMB * 1e6, 4 * run.modelBytes)
  // A run without an end takes more and more: what it takes for its next rounds is what counts.
  const rounds = isOpenEnded(training.rounds) ? OPEN_ENDED_ROUNDS : training.rounds
  const ledgers = rounds * (others + 1) * (others + 1) * ENTRY_BYTES
  return Math.min(models, budget) + ledgers
}
