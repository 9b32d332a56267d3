import { counted } from '@tempered/errors'
import { type JobSet, jobName, LAB_FILE } from './job-set.js'

/** A Slurm array with one task per shard: `sbatch slurm.sh`, a lost shard alone by `sbatch --array=3 slurm.sh`. */
export function slurmScript(set: JobSet): string {
  return `#!/bin/sh
#SBATCH --job-name=${jobName(set)}
#SBATCH --array=1-${set.shards}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=${set.cpus}
#SBATCH --mem=${set.memoryMiB}M
#SBATCH --requeue
#SBATCH --output=shard-%a.log
# sbatch runs a copy of this file, so paths are relative to the folder in which sbatch was called: this one.
set -eu
exec "\${TEMPERED:-tempered}" lab matrix ${LAB_FILE} --shard "$SLURM_ARRAY_TASK_ID/${set.shards}" --parallel ${set.cpus} --out results
`
}

/**
 * All shards on this machine, or on others through GNU parallel: the command of one shard is the first argument's.
 */
export function shellScript(set: JobSet): string {
  return `#!/bin/sh
# sh run.sh            ${counted(set.shards, 'shard')} with xargs, JOBS at a time (default 1)
# sh run.sh 3          shard 3 alone: the way to repeat a lost one
# With GNU parallel, on several machines that share this folder:
#   seq ${set.shards} | parallel --sshlogin a,b --workdir "$PWD" sh run.sh {}
set -eu
cd "$(dirname "$0")"
if [ $# -gt 0 ]; then
  exec "\${TEMPERED:-tempered}" lab matrix ${LAB_FILE} --shard "$1/${set.shards}" --parallel ${set.cpus} --out results
fi
seq ${set.shards} | xargs -n 1 -P "\${JOBS:-1}" sh run.sh
exec "\${TEMPERED:-tempered}" lab merge ${LAB_FILE} results
`
}

export function jobsReadme(set: JobSet): string {
  return `# ${set.name} in ${counted(set.shards, 'shard')}

Every shard runs its part of the cells and writes a file per finished cell into one shared folder, \`results\`. A shard
that stops is started again with the same command and does only what is left. \`TEMPERED\` names the command, if it is
not \`tempered\` in the path.

| with | start | repeat shard 3 alone |
| --- | --- | --- |
| this machine, xargs | \`JOBS=4 sh run.sh\` | \`sh run.sh 3\` |
| GNU parallel | \`seq ${set.shards} \\| parallel sh run.sh {}\` | \`sh run.sh 3\` |
| Slurm | \`sbatch slurm.sh\` | \`sbatch --array=3 slurm.sh\` |
| Kubernetes | \`kubectl apply -f kubernetes.yaml\` | by itself, three times |

Kubernetes needs the image \`${set.image}\` (build it from the checkout) and a claim \`${set.claim}\` that many pods can write
to (ReadWriteMany). Afterwards, wherever the results are:

\`\`\`sh
tempered lab merge ${LAB_FILE} results
\`\`\`
`
}
