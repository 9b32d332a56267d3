import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LEDGER_FILE, runTopology, verifyLedgerFile } from '@tempered/node'
import { decodeModel, type Run } from '@tempered/protocol'
import type { PlannedNode } from '../scenario/plan.js'
import type { CheckedLedger } from '../stage/stage.js'

/** Where a node of a run keeps its state. */
export function nodeFolder(folder: string, node: Pick<PlannedNode, 'name'>): string {
  return join(folder, 'nodes', node.name)
}

/** Checks the ledgers of all nodes that have one. */
export async function checkLedgers(folder: string, nodes: readonly PlannedNode[]): Promise<CheckedLedger[]> {
  const checked: CheckedLedger[] = []
  for (const node of nodes) {
    const path = join(nodeFolder(folder, node), LEDGER_FILE)
    if (!(await exists(path))) continue
    const verdict = await verifyLedgerFile(path, undefined, (run) => runTopology(run).neighboursOf)
    checked.push({ node: node.name, verdict })
  }
  return checked
}

/**
 * A model of a run from its blob; undefined when the file is gone. Throws ProtocolError if the file is not a model of
 * the run.
 */
export async function readModel(path: string, run: Run): Promise<Float32Array | undefined> {
  if (!(await exists(path))) return undefined
  const bytes = await readFile(path).catch(() => undefined)
  return bytes === undefined ? undefined : decodeModel(bytes, run.manifest.model.parameterCount)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
