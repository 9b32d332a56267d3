import { planRun, scenarioSchema } from '@tempered/lab/scenario'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { planData } from '../../../../lab/test/support/small-data.js'
import { composeDocument } from '../../../src/machines/compose-file.js'
import { kubernetesDocuments } from '../../../src/machines/kubernetes-file.js'
import { machineSet } from '../../../src/machines/machine-set.js'
import { projectName } from '../../../src/machines/project-name.js'
import { machineTexts } from '../../../src/machines/write-machines.js'

const scenario = scenarioSchema.parse({ name: 'small', nodes: 3, model: 'softmax' })
const set = machineSet(planRun(scenario, planData), [])
const ownData = machineSet(
  planRun({ ...scenario, data: { ...scenario.data, source: '/somewhere' } }, planData),
  [],
)

const composeOf = (of: typeof set) =>
  parse(stringify(composeDocument(of, { image: 'tempered:1', checkout: '../..', user: '501:20' })))

interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Record<string, string>
  // biome-ignore lint/suspicious/noExplicitAny: objects of several kinds, looked into one by one
  readonly spec?: any
}

const objectsOf = (of: typeof set): KubernetesObject[] => {
  const documents = kubernetesDocuments(of, {
    image: 'tempered:1',
    manifest: '{}\n',
    filesOf: (host) => ({ key: Uint8Array.of(1, 2, host.node.index), texts: machineTexts(host) }),
  })
  const text = documents.map((document) => stringify(document)).join('---\n')
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject)
}

describe('compose.yaml', () => {
  it('has a service a node, under the name by which the others look for it', () => {
    const compose = composeOf(set)
    expect(compose.name).toBe('tempered-small')
    expect(Object.keys(compose.services)).toEqual(['node-00', 'node-01', 'node-02'])
    for (const { config } of set.hosts)
      for (const address of config.bootstrap!)
        expect(Object.keys(compose.services)).toContain(address.split('/')[2])
    expect(compose.services['node-01']).toMatchObject({
      image: 'tempered:1',
      user: `\${TEMPERED_USER:-501:20}`,
      command: ['sh', '/host/start.sh'],
      volumes: ['./hosts/node-01:/host'],
      restart: 'on-failure',
    })
    expect(compose.services['node-00'].build).toEqual({ context: `\${TEMPERED_CHECKOUT:-../..}` })
  })

  it('mounts data of the scenario’s own', () => {
    expect(composeOf(ownData).services['node-02'].volumes[1]).toMatch(
      /^\$\{TEMPERED_DATA:\?.*\}:\/host\/data:ro$/,
    )
    expect(ownData.hosts[2]!.config.data?.source).toBe('data')
  })
})

describe('kubernetes.yaml', () => {
  it('has namespace, manifest, and four objects a node', () => {
    expect(objectsOf(set).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Namespace tempered-small',
      'ConfigMap run',
      ...['node-00', 'node-01', 'node-02'].flatMap((name) =>
        ['Secret', 'ConfigMap', 'Service', 'StatefulSet'].map((kind) => `${kind} ${name}`),
      ),
    ])
    for (const { kind, metadata } of objectsOf(set))
      expect(metadata.namespace).toBe(kind === 'Namespace' ? undefined : 'tempered-small')
  })

  it('refers to nothing that is not there', () => {
    for (const of of [set, ownData]) {
      const objects = objectsOf(of)
      const find = (kind: string, name: string) =>
        objects.find((one) => one.kind === kind && one.metadata.name === name)
      for (const { spec } of objects.filter(({ kind }) => kind === 'StatefulSet')) {
        const pod = spec.template.spec
        const claims = spec.volumeClaimTemplates.map((claim: KubernetesObject) => claim.metadata.name)
        const volumes = [...claims, ...pod.volumes.map((volume: { name: string }) => volume.name)]
        expect(new Set(volumes).size).toBe(volumes.length)
        for (const container of [...pod.initContainers, ...pod.containers])
          for (const mount of container.volumeMounts) expect(volumes).toContain(mount.name)
        for (const { configMap, secret } of pod.volumes) {
          if (configMap !== undefined) expect(find('ConfigMap', configMap.name)).toBeDefined()
          if (secret !== undefined) expect(find('Secret', secret.secretName)).toBeDefined()
        }
        const service = find('Service', spec.serviceName)!
        expect(service.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true })
        expect(spec.template.metadata.labels).toMatchObject(service.spec.selector)
        expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels)
        expect(service.spec.ports[0].targetPort).toBe(pod.containers[0].ports[0].name)
      }
    }
  })

  it('carries the files of each host', () => {
    const objects = objectsOf(set)
    const [secret, config] = objects.filter(({ metadata }) => metadata.name === 'node-02')
    expect([...Buffer.from(secret!.data!['identity.key']!, 'base64')]).toEqual([1, 2, 2])
    expect(config!.data).toEqual(machineTexts(set.hosts[2]!))
  })
})

describe('projectName', () => {
  it('is a DNS label, however long the name is', () => {
    const long = projectName(`${'a'.repeat(53)}-${'b'.repeat(9)}`)
    expect(long).toBe(`tempered-${'a'.repeat(53)}`)
    expect(long).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)
  })
})
