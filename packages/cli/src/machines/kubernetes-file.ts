import { type KubernetesModel, kubernetesModel } from './kubernetes-model.js'
import { DATA_FOLDER, type EmittedMachine, type MachineSet, needsOwnData } from './machine-set.js'
import { projectName } from './project-name.js'

/** Files of one host, as in its folder. */
export interface MachineFiles {
  /** Bytes of `identity.key`. */
  readonly key: Uint8Array
  /** Text of the others by name, without the manifest. */
  readonly texts: Readonly<Record<string, string>>
}

export interface KubernetesInit {
  readonly image: string
  /** Text of `manifest.json`, the same for all. */
  readonly manifest: string
  filesOf(host: EmittedMachine): MachineFiles
}

/** User `node` of the image. */
const USER = 1000
const RUN_CONFIG = 'run'
/** Claim with IDX files, provided by users with their own data. */
export const DATA_CLAIM = 'tempered-data'

/**
 * The hosts as Kubernetes objects: a namespace, the run's manifest, the model that it begins with if one was given, and for each host Secret, ConfigMap, headless
 * Service (its DNS name) and StatefulSet with a claim for its state. They pass Pod Security `restricted`.
 */
export function kubernetesDocuments(set: MachineSet, init: KubernetesInit): object[] {
  const namespace = projectName(set.plan.scenario.name)
  const needs: PodNeeds = {
    isOwnData: needsOwnData(set.plan),
    model: kubernetesModel(set, namespace),
    image: init.image,
  }
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: RUN_CONFIG, namespace },
      data: { 'manifest.json': init.manifest },
    },
    ...(needs.model?.objects ?? []),
    ...set.hosts.flatMap((host) => hostObjects(host, namespace, needs, init)),
  ]
}

/** What all pods have in common. */
interface PodNeeds {
  readonly isOwnData: boolean
  readonly model: KubernetesModel | undefined
  readonly image: string
}

function hostObjects(
  host: EmittedMachine,
  namespace: string,
  needs: PodNeeds,
  init: KubernetesInit,
): object[] {
  const { name } = host.node
  const { port } = host.address
  const labels = { 'app.kubernetes.io/name': 'tempered', 'app.kubernetes.io/instance': name }
  const metadata = { name, namespace, labels }
  const { key, texts } = init.filesOf(host)
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'Opaque',
      data: { 'identity.key': Buffer.from(key).toString('base64') },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: texts },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        clusterIP: 'None',
        // Nodes look up each other before they are ready.
        publishNotReadyAddresses: true,
        selector: labels,
        ports: [{ name: 'p2p', port, targetPort: 'p2p' }],
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: {
        serviceName: name,
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec(name, port, needs) },
        volumeClaimTemplates: [
          {
            metadata: { name: 'state' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      },
    },
  ]
}

function podSpec(name: string, port: number, { isOwnData, model, image }: PodNeeds): object {
  const securityContext = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  }
  const host = { name: 'host', mountPath: '/host' }
  const data = { name: 'data', mountPath: `/host/${DATA_FOLDER}`, readOnly: true }
  const dataVolume = { name: 'data', persistentVolumeClaim: { claimName: DATA_CLAIM, readOnly: true } }
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    initContainers: [
      {
        // A mounted Secret can be read by the group, and a node refuses a key that others can read.
        name: 'files',
        image,
        command: [
          'sh',
          '-c',
          [
            'cp -L /files/run/* /files/node/* /host/',
            'install -m 600 /files/key/identity.key /host/identity.key',
            ...(model === undefined ? [] : [model.command]),
          ].join(' && '),
        ],
        securityContext,
        volumeMounts: [
          host,
          { name: 'run', mountPath: '/files/run', readOnly: true },
          { name: 'node', mountPath: '/files/node', readOnly: true },
          { name: 'key', mountPath: '/files/key', readOnly: true },
          ...(model === undefined
            ? []
            : [{ name: model.volume.name, mountPath: model.mountPath, readOnly: true }]),
        ],
      },
    ],
    containers: [
      {
        name: 'tempered',
        image,
        // A StatefulSet restarts whatever exits, so nodes that are done stay and serve their models.
        command: ['sh', '/host/start.sh', '--stay'],
        ports: [{ name: 'p2p', containerPort: port }],
        readinessProbe: { tcpSocket: { port: 'p2p' }, periodSeconds: 30 },
        resources: { requests: { cpu: '250m', memory: '512Mi' } },
        securityContext,
        volumeMounts: [
          host,
          { name: 'state', mountPath: '/host/state' },
          { name: 'tmp', mountPath: '/tmp' },
          ...(isOwnData ? [data] : []),
        ],
      },
    ],
    volumes: [
      { name: 'host', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      { name: 'run', configMap: { name: RUN_CONFIG } },
      { name: 'node', configMap: { name } },
      { name: 'key', secret: { secretName: name, defaultMode: 0o440 } },
      ...(isOwnData ? [dataVolume] : []),
      ...(model === undefined ? [] : [model.volume]),
    ],
  }
}
