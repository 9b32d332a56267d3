/** A lab in shards, for engines that run the same command many times. */
export interface JobSet {
  /** Name of the lab. */
  readonly name: string
  /** Text of the lab file, whose paths are absolute or relative to the file. */
  readonly lab: string
  readonly shards: number
  readonly image: string
  /** Name of the claim that all shards write to. */
  readonly claim: string
  readonly cpus: number
  readonly memoryMiB: number
}

/** Name of the lab file in the folder of jobs. */
export const LAB_FILE = 'lab.yaml'

/** A name as Kubernetes and Slurm accept it: at most 52 lower-case letters, digits and hyphens. */
export function jobName({ name }: Pick<JobSet, 'name'>): string {
  const plain = `lab-${name}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 52)
  return plain.replace(/-+$/, '')
}
