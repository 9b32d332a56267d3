import { chmod, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temperedVersion } from '@tempered/lab'
import { parseText } from '@tempered/lab/documents'
import {
  createIdentityFile,
  errorMessage,
  initialModelPath,
  writeFileAtomic,
  writeInitialModel,
} from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { stringify } from 'yaml'
import { nodeConfigSchema } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { ATTACK_FILE } from './attack-file.js'
import { composeDocument } from './compose-file.js'
import { kubernetesDocuments, type MachineFiles } from './kubernetes-file.js'
import { type EmittedMachine, givenModel } from './machine-set.js'
import { type MachinesReadmeInit, machinesReadme } from './machines-readme.js'
import { startScript } from './start-script.js'

export interface MachinesFolderInit extends MachinesReadmeInit {
  /** Folder to create. */
  readonly folder: string
  /** Whether to delete an existing hosts folder with everything in it. */
  readonly force: boolean
}

const MANIFEST = 'manifest.json'
const CHECKOUT = fileURLToPath(new URL('../../../..', import.meta.url))
/** User of containers when root writes the folder: `node` of the image. */
const PLAIN_USER = '1000:1000'

/**
 * Writes the folder of a scenario's hosts: first under a temporary name, then renamed, so that it is either complete or
 * absent. Throws E_USAGE for an existing folder, E_FILE when it cannot be written.
 */
export async function writeMachines(init: MachinesFolderInit): Promise<void> {
  const folder = resolve(init.folder)
  const isThere = await requireFree(folder, init.force)
  try {
    await makeFolder(dirname(folder))
    const draft = await mkdtemp(`${folder}.`)
    try {
      await writeAll(draft, folder, init)
      await takePlace(draft, folder, isThere)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new CliError('E_FILE', `${init.folder}: ${errorMessage(error)}`, { folder }, error)
  }
}

/** Whether there is a folder that may be deleted. */
async function requireFree(folder: string, force: boolean): Promise<boolean> {
  const exists = (path: string): Promise<boolean> =>
    stat(path).then(
      () => true,
      () => false,
    )
  if (!(await exists(folder))) return false
  if (!force) {
    throw new CliError(
      'E_USAGE',
      `${folder} already exists; choose another --out, or --force to delete it with its ledgers`,
    )
  }
  if ((await exists(join(folder, 'hosts'))) && (await exists(join(folder, 'manifest.json')))) return true
  throw new CliError('E_USAGE', `${folder} is not a hosts folder; --force does not remove it`)
}

async function takePlace(draft: string, folder: string, isThere: boolean): Promise<void> {
  if (!isThere) {
    await rename(draft, folder)
    return
  }
  const old = `${draft}.old`
  await rename(folder, old)
  try {
    await rename(draft, folder)
  } catch (error) {
    await rename(old, folder)
    throw error
  }
  await rm(old, { recursive: true, force: true })
}

/** @param folder the final place: paths to other places are relative to it */
async function writeAll(draft: string, folder: string, init: MachinesFolderInit): Promise<void> {
  const { set, image } = init
  const { scenario, run } = set.plan
  const initial = givenModel(set.plan)
  const manifest = `${JSON.stringify(run.manifest, null, 2)}\n`
  const files = new Map<EmittedMachine, MachineFiles>()
  for (const host of set.hosts)
    files.set(host, await writeHost(join(draft, 'hosts', host.node.name), host, manifest, initial))
  await writeFileAtomic(join(draft, MANIFEST), manifest)
  await writeFileAtomic(
    join(draft, 'scenario.yaml'),
    `# Seed ${scenario.seed} of ${scenario.name}, resolved by tempered ${temperedVersion()}.\n${yaml(scenario)}`,
  )
  await writeFileAtomic(join(draft, 'README.md'), machinesReadme(init))
  if (!set.isByName) return
  const checkout = relative(folder, CHECKOUT) || '.'
  const compose = composeDocument(set, { image, checkout, user: containerUser() })
  await writeFileAtomic(join(draft, 'compose.yaml'), yaml(compose))
  const documents = kubernetesDocuments(set, { image, manifest, filesOf: (host) => files.get(host)! })
  await writeFileAtomic(join(draft, 'kubernetes.yaml'), documents.map(yaml).join('---\n'), 0o600)
}

async function writeHost(
  folder: string,
  host: EmittedMachine,
  manifest: string,
  initial: Float32Array | undefined,
): Promise<MachineFiles> {
  await makeFolder(folder)
  const texts = machineTexts(host)
  // The written configuration must be valid.
  parseText(`${host.node.name}/node.yaml`, texts['node.yaml']!, nodeConfigSchema)
  const keyFile = join(folder, 'identity.key')
  await createIdentityFile(keyFile, host.node.identity)
  for (const [name, text] of Object.entries(texts)) await writeFileAtomic(join(folder, name), text)
  await writeFileAtomic(join(folder, MANIFEST), manifest)
  if (initial !== undefined) await writeInitialModel(initialModelPath(join(folder, MANIFEST)), initial)
  await chmod(join(folder, 'start.sh'), 0o755)
  return { key: await readFile(keyFile), texts }
}

/** Files of a host by name, except key and manifest. */
export function machineTexts(host: EmittedMachine): Record<string, string> {
  const { node, config, attack } = host
  return {
    'node.yaml': `# ${node.name}; paths are relative to this file.\n${yaml(config)}`,
    'start.sh': startScript(host),
    ...(attack === undefined
      ? {}
      : { [ATTACK_FILE]: `# What ${node.name} does; rounds count from 1.\n${yaml(attack)}` }),
  }
}

function containerUser(): string {
  const uid = process.getuid?.() ?? 0
  return uid === 0 ? PLAIN_USER : `${uid}:${process.getgid?.() ?? uid}`
}

function yaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 })
}
