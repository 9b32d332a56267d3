import { createRunRule, runTopology } from '@tempered/node'
import { loadManifest } from '../config/manifest-file.js'
import { warnOfParts } from '../terminal/parts-warning.js'

/** `tempered manifest show`: run id on the first line, then the manifest, then the neighbours of each member. */
export async function manifestShow(file: string): Promise<void> {
  const run = await loadManifest(file)
  const topology = runTopology(run)
  createRunRule(run.manifest.rule)
  const neighbours = run.manifest.members.map((member, index) => {
    const indices = topology.graph.neighbours(index).join(' ')
    return `${String(index).padStart(4)}  ${member}  neighbours: ${indices}`
  })
  warnOfParts(topology.graph)
  process.stdout.write(`run ${run.id}\n${JSON.stringify(run.manifest, null, 2)}\n${neighbours.join('\n')}\n`)
}
