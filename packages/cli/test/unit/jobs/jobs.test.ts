import { describe, expect, it } from 'vitest'
import { shellScript, slurmScript } from '../../../src/jobs/job-scripts.js'
import { type JobSet, jobName } from '../../../src/jobs/job-set.js'
import { kubernetesJobDocuments } from '../../../src/jobs/kubernetes-job.js'

const set: JobSet = {
  name: 'Mine & yours',
  lab: 'name: mine\n',
  shards: 7,
  image: 'tempered:1',
  claim: 'results',
  cpus: 3,
  memoryMiB: 2048,
}

describe('jobs of a lab', () => {
  it('have a name that Kubernetes and Slurm accept', () => {
    expect(jobName(set)).toBe('lab-mine-yours')
    expect(jobName({ name: `${'x'.repeat(60)}-` })).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
  })

  // The documents were checked against the published schemas of Kubernetes 1.37 with kubernetes-validate.
  it('are an Indexed Job whose pods repeat alone and count shards from 1', () => {
    const [config, job] = kubernetesJobDocuments(set) as [
      { data: Record<string, string> },
      { spec: Record<string, unknown> & { template: { spec: { containers: { command: string[] }[] } } } },
    ]
    expect(config.data).toEqual({ 'lab.yaml': 'name: mine\n' })
    expect(job.spec).toMatchObject({
      completionMode: 'Indexed',
      completions: 7,
      backoffLimitPerIndex: 3,
      maxFailedIndexes: 7,
    })
    expect(job.spec.template.spec.containers[0]!.command[2]).toBe(
      'exec tempered lab matrix /lab/lab.yaml --shard $((JOB_COMPLETION_INDEX + 1))/7 --parallel 3 --out /results/lab-mine-yours',
    )
  })

  it('are an array of as many Slurm tasks as shards', () => {
    expect(slurmScript(set)).toContain('#SBATCH --array=1-7\n')
    expect(slurmScript(set)).toContain('--shard "$SLURM_ARRAY_TASK_ID/7"')
  })

  it('are a script for one shard or all', () => {
    expect(shellScript(set)).toContain('--shard "$1/7"')
    expect(shellScript(set)).toContain('seq 7 | xargs')
  })
})
