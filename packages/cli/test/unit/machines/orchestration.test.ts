import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { planRun, scenarioSchema } from '@tempered/lab/scenario'
import { readInitialModel } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { planData } from '../../../../lab/test/support/small-data.js'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { composeDocument } from '../../../src/machines/compose-file.js'
import { kubernetesDocuments } from '../../../src/machines/kubernetes-file.js'
import { machineSet } from '../../../src/machines/machine-set.js'
import { machinesReadme } from '../../../src/machines/machines-readme.js'
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

/** The same with a model of so many parameters that is given. */
function begunWith(units: number): { given: typeof set; bytes: Uint8Array } {
  const task = {
    task: 'wide',
    input: { type: 'tensor', shape: [3] },
    output: { type: 'class', classes: 2 },
    model: {
      layers: [
        { layer: 'dense', units },
        { layer: 'dense', units: 2 },
      ],
    },
  }
  const wide = scenarioSchema.parse({ name: 'small', nodes: 3, task })
  const parameters = Float32Array.from({ length: 6 * units + 2 }, (_, k) => Math.sin(k))
  const plan = planRun(wide, { ...planData, initialParameters: () => parameters })
  return { given: machineSet(plan, []), bytes: new Uint8Array(parameters.buffer) }
}

describe('kubernetes.yaml of a run that begins with a given model', () => {
  const modelMaps = (objects: readonly KubernetesObject[]) =>
    objects.filter(({ metadata }) => metadata.name.startsWith('initial-'))

  it('has the model in ConfigMaps, small enough for kubectl apply, which a pod puts beside the manifest', () =>
    inTemporaryFolder(async (folder) => {
      const { given, bytes } = begunWith(20_000)
      const objects = objectsOf(given)
      const maps = modelMaps(objects) as (KubernetesObject & { binaryData: Record<string, string> })[]
      expect(maps).toHaveLength(3)
      for (const map of maps) expect(JSON.stringify(map).length).toBeLessThan(250_000)
      const pod = objects.find(({ kind }) => kind === 'StatefulSet')!.spec.template.spec
      const [init] = pod.initContainers
      for (const container of pod.initContainers)
        for (const { name } of container.volumeMounts)
          expect(pod.volumes).toContainEqual(expect.objectContaining({ name }))

      // The command of the pod, on its volumes in a folder.
      const put = async (place: string, content: Uint8Array | string): Promise<void> => {
        await mkdir(dirname(join(folder, place)), { recursive: true })
        await writeFile(join(folder, place), content)
      }
      await put('files/run/manifest.json', '{}')
      await put('files/node/node.yaml', 'name: a')
      await put('files/key/identity.key', 'key')
      await mkdir(join(folder, 'host'))
      const { projected } = pod.volumes.find(({ name }: { name: string }) => name === 'initial')
      for (const { configMap } of projected.sources) {
        const map = maps.find(({ metadata }) => metadata.name === configMap.name)!
        for (const { key, path } of configMap.items)
          await put(`files/initial/${path}`, Buffer.from(map.binaryData[key]!, 'base64'))
      }
      const command = init.command[2]
        .replaceAll('/files/', `${folder}/files/`)
        .replaceAll('/host/', `${folder}/host/`)
      execFileSync('sh', ['-c', command])
      const parameters = await readInitialModel(given.plan.run, [join(folder, 'host/manifest.initial')])
      expect(new Uint8Array(parameters!.buffer, parameters!.byteOffset, parameters!.byteLength)).toEqual(
        bytes,
      )
    }))

  it('takes a model that is larger from a claim, of which the README speaks', () => {
    const { given } = begunWith(250_000)
    const objects = objectsOf(given)
    expect(modelMaps(objects)).toEqual([])
    const pod = objects.find(({ kind }) => kind === 'StatefulSet')!.spec.template.spec
    expect(pod.volumes).toContainEqual({
      name: 'initial',
      persistentVolumeClaim: { claimName: 'tempered-model', readOnly: true },
    })
    const readme = (of: typeof set) =>
      machinesReadme({ set: of, whole: of.plan.scenario, freshKeys: false, image: 'tempered:1' } as never)
    expect(readme(given)).toContain('PersistentVolumeClaim `tempered-model`')
    expect(readme(begunWith(20).given)).not.toContain('tempered-model')
  })
})

describe('projectName', () => {
  it('is a DNS label, however long the name is', () => {
    const long = projectName(`${'a'.repeat(53)}-${'b'.repeat(9)}`)
    expect(long).toBe(`tempered-${'a'.repeat(53)}`)
    expect(long).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)
  })
})
