import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  blobCid,
  decodeModel,
  encodeModel,
  firstNonFinite,
  type Manifest,
  type Run,
} from '@tempered/protocol'
import { initialTaskParameters } from '@tempered/train'
import { errorMessage, NodeError } from '../errors.js'
import { writeFileAtomic } from '../files.js'
import { manifestTask } from './manifest-training.js'

/** Model bytes of a parameter vector with their CID. */
export interface ModelBlob {
  readonly bytes: Uint8Array
  readonly cid: string
}

/** All nodes of a process begin with the same vector, which is encoded and hashed once. */
const blobs = new WeakMap<Float32Array, ModelBlob>()

/** The blob of initial parameters, which must not change afterwards. */
export function initialBlob(parameters: Float32Array): ModelBlob {
  const known = blobs.get(parameters)
  if (known !== undefined) return known
  const bytes = encodeModel(parameters)
  const blob = { bytes, cid: blobCid(bytes).toString() }
  blobs.set(parameters, blob)
  return blob
}

/** Manifests of which it is known whether their seed gives the initial parameters. */
const drawn = new WeakMap<Manifest, boolean>()

/**
 * The parameters with which every node of the run begins, if they follow from its seed. Undefined for a run that begins
 * with a given model, which has to be read from a file or fetched.
 */
export function drawnInitialParameters(manifest: Manifest): Float32Array | undefined {
  if (drawn.get(manifest) === false) return undefined
  const task = manifestTask(manifest)
  const parameters = task.model === undefined ? undefined : initialTaskParameters(task, manifest.seed)
  if (parameters !== undefined && drawn.get(manifest) === true) return parameters
  const isDrawn = parameters !== undefined && initialBlob(parameters).cid === manifest.model.initialCid
  drawn.set(manifest, isDrawn)
  return isDrawn ? parameters : undefined
}

/** As {@link drawnInitialParameters}; throws E_INITIAL_PARAMETERS when the run begins with a given model. */
export function manifestInitialParameters(manifest: Manifest): Float32Array {
  const parameters = drawnInitialParameters(manifest)
  if (parameters !== undefined) return parameters
  throw new NodeError(
    'E_INITIAL_PARAMETERS',
    `the run begins with model ${manifest.model.initialCid}, which is not drawn from its seed: it was given when the ` +
      'manifest was made and has to be given to its nodes, or the manifest was changed or made by another version',
  )
}

/** The file beside a manifest with the model that its run begins with: `manifest.json`, `manifest.initial`. */
export function initialModelPath(manifestFile: string): string {
  return `${manifestFile.replace(/\.json$/, '')}.initial`
}

/** Writes the model that a run begins with, as {@link readInitialModel} reads it. Throws E_IO. */
export async function writeInitialModel(path: string, parameters: Float32Array): Promise<void> {
  await writeFileAtomic(path, initialBlob(parameters).bytes)
}

/**
 * The model that a run begins with, from the first of these files that there is. Throws E_INITIAL_PARAMETERS for a file
 * with another model, E_IO.
 */
export async function readInitialModel(
  run: Run,
  paths: readonly string[],
): Promise<Float32Array | undefined> {
  for (const path of paths) {
    const bytes = await readIfThere(path)
    if (bytes !== undefined) return openInitialModel(run, bytes, path)
  }
  return undefined
}

/** Where a node keeps the model that its run begins with, once it has it. */
export function keptInitialModel(stateFolder: string, { manifest }: Run): string {
  return join(stateFolder, 'blobs', manifest.model.initialCid)
}

/** Checks model bytes from outside against the manifest. `from` is for messages. Throws E_INITIAL_PARAMETERS. */
export function openInitialModel({ manifest }: Run, bytes: Uint8Array, from: string): Float32Array {
  const { initialCid, parameterCount } = manifest.model
  const refuse = (what: string): never => {
    throw new NodeError('E_INITIAL_PARAMETERS', `${from}: ${what}`)
  }
  const cid = blobCid(bytes).toString()
  if (cid !== initialCid)
    return refuse(
      `is model ${cid}, but the run begins with ${initialCid}; copy it again from where the manifest was made`,
    )
  const parameters = decodeModel(bytes, parameterCount)
  const bad = firstNonFinite(parameters)
  return bad < 0 ? parameters : refuse(`parameter ${bad} is ${parameters[bad]}; no run can begin with it`)
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new NodeError('E_IO', `${path}: ${errorMessage(error)}`, { path }, error)
  }
}
