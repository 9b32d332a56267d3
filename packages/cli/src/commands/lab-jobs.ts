import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { counted } from '@tempered/errors'
import { temperedVersion } from '@tempered/lab'
import { cellsOf, loadLab } from '@tempered/lab/matrix'
import { writeFileAtomic } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { stringify } from 'yaml'
import { CliError } from '../errors.js'
import { jobsReadme, shellScript, slurmScript } from '../jobs/job-scripts.js'
import { type JobSet, LAB_FILE } from '../jobs/job-set.js'
import { kubernetesJobDocuments } from '../jobs/kubernetes-job.js'

export interface LabJobsOptions {
  readonly shards: number
  readonly out?: string
  readonly image?: string
  readonly claim: string
  readonly cpus: number
  readonly memory: number
  readonly force?: boolean
}

/** `tempered lab jobs`: writes the files; nothing runs. */
export async function labJobs(file: string, options: LabJobsOptions): Promise<void> {
  const lab = await loadLab(file)
  const cells = cellsOf(lab).length
  if (options.shards > cells)
    throw new CliError('E_USAGE', `--shards ${options.shards}: the lab has only ${counted(cells, 'cell')}`)
  const folder = options.out ?? `${lab.name}-jobs`
  const set: JobSet = {
    name: lab.name,
    lab: stringify(lab),
    shards: options.shards,
    image: options.image ?? `tempered:${temperedVersion()}`,
    claim: options.claim,
    cpus: options.cpus,
    memoryMiB: options.memory,
  }
  const texts = {
    [LAB_FILE]: set.lab,
    'kubernetes.yaml': kubernetesJobDocuments(set)
      .map((document) => stringify(document, { lineWidth: 0 }))
      .join('---\n'),
    'slurm.sh': slurmScript(set),
    'run.sh': shellScript(set),
    'README.md': jobsReadme(set),
  }
  for (const name of Object.keys(texts)) {
    if (!options.force && existsSync(join(folder, name)))
      throw new CliError(
        'E_USAGE',
        `${join(folder, name)} already exists; name another --out or give --force`,
      )
  }
  await makeFolder(folder)
  for (const [name, text] of Object.entries(texts)) await writeFileAtomic(join(folder, name), text)
  process.stderr.write(
    `created ${relative('.', folder)}: ${counted(cells, 'cell')} in ${counted(options.shards, 'shard')}\n` +
      `next: ${join(folder, 'README.md')} says how to start them\n`,
  )
}
