import { type JobSet, jobName, LAB_FILE } from './job-set.js'

/** User `node` of the image. */
const USER = 1000

/**
 * The lab as a ConfigMap and an Indexed Job: one pod per shard, all writing to one shared claim. A shard that is lost
 * is repeated alone, up to three times (`backoffLimitPerIndex`, Kubernetes 1.29), and does only the cells that are
 * left. The pods pass Pod Security `restricted`.
 */
export function kubernetesJobDocuments(set: JobSet): object[] {
  const name = jobName(set)
  const labels = { 'app.kubernetes.io/name': 'tempered', 'app.kubernetes.io/instance': name }
  const resources = { cpu: String(set.cpus), memory: `${set.memoryMiB}Mi` }
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { [LAB_FILE]: set.lab } },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, labels },
      spec: {
        completionMode: 'Indexed',
        completions: set.shards,
        parallelism: set.shards,
        backoffLimitPerIndex: 3,
        maxFailedIndexes: set.shards,
        template: {
          metadata: { labels },
          spec: {
            restartPolicy: 'Never',
            securityContext: {
              runAsNonRoot: true,
              runAsUser: USER,
              fsGroup: USER,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            containers: [
              {
                name: 'shard',
                image: set.image,
                // The index counts from 0, shards from 1.
                command: [
                  'sh',
                  '-c',
                  `exec tempered lab matrix /lab/${LAB_FILE} --shard $((JOB_COMPLETION_INDEX + 1))/${set.shards} --parallel ${set.cpus} --out /results/${name}`,
                ],
                resources: { requests: resources, limits: resources },
                securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
                volumeMounts: [
                  { name: 'lab', mountPath: '/lab', readOnly: true },
                  { name: 'results', mountPath: '/results' },
                ],
              },
            ],
            volumes: [
              { name: 'lab', configMap: { name } },
              { name: 'results', persistentVolumeClaim: { claimName: set.claim } },
            ],
          },
        },
      },
    },
  ]
}
