// A cluster of real nodes, then its ledgers: verify every byte, replay every round, and find who lied. One node keeps
// its own model as the aggregate but records the verdicts of the rule all the same.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runScenario } from '@tempered/lab'
import {
  auditLedger,
  createAnnouncementIndex,
  LEDGER_FILE,
  openBlobFolders,
  verifyLedgerFile,
  withInitialModel,
} from '@tempered/node'

const folder = await mkdtemp(join(tmpdir(), 'tempered-example-'))
const { runs } = await runScenario(
  {
    nodes: 4,
    model: 'softmax',
    training: { rounds: 2, localSteps: 5 },
    rule: 'median',
    adversaries: [{ nodes: [3], attack: 'wrong-aggregate' }],
    controls: { honest: false, undefended: false, baseline: false },
  },
  { folder, workers: 1 },
)

const nodes = ['node-00', 'node-01', 'node-02', 'node-03'].map((name) =>
  join(folder, runs[0].folder, 'nodes', name),
)
const blobs = await openBlobFolders(nodes.map((node) => join(node, 'blobs')))
for (const node of nodes) {
  const path = join(node, LEDGER_FILE)
  const verdict = await verifyLedgerFile(path)
  if (!verdict.ok) throw new Error(`${path}: ${verdict.message}`)
  const { agrees, wrong, unproven } = await auditLedger({
    run: verdict.run,
    path,
    blobs: withInitialModel(blobs, verdict.run),
    round: undefined,
    announcements: createAnnouncementIndex(),
  })
  console.log(
    `${node.slice(-7)}  ${verdict.entries} entries verify; replay: ${agrees} agree, ${wrong.length} wrong, ${unproven.length} unproven`,
  )
}
await rm(folder, { recursive: true })
