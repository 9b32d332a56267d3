import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { blobCid, decodeModel } from '@tempered/protocol'
import { openTask } from '@tempered/train'
import { CliError } from '../errors.js'
import type { DeliveredModel } from '../settlement/delivered-model.js'
import { CARD_FILE } from './paper-files.js'

/**
 * The model in a folder of `model fetch`: its card says by which task it is used, and its file has the name of its hash.
 * Undefined for any other folder. Throws CliError E_FILE.
 */
export async function fetchedModel(folder: string): Promise<DeliveredModel | undefined> {
  const text = await readFile(join(folder, CARD_FILE), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  let model: unknown
  let task: unknown
  try {
    ;({ model, task } = JSON.parse(text) as Record<string, unknown>)
  } catch (error) {
    throw wrong(join(folder, CARD_FILE), `is not JSON (${errorMessage(error)})`, error)
  }
  if (typeof model !== 'string' || !/^[a-z0-9]+$/.test(model)) return undefined
  const file = join(folder, model)
  const bytes = await readFile(file).catch(() => undefined)
  // One that was exported is in the format of another program.
  if (bytes === undefined) return undefined
  if (blobCid(bytes).toString() !== model)
    throw wrong(file, 'its bytes do not have the hash in its name; fetch it again')
  const opened = openTask(task)
  return {
    task: opened,
    parameters: Float32Array.from(decodeModel(new Uint8Array(bytes), opened.parameterCount)),
  }
}

const wrong = (path: string, what: string, cause?: unknown): CliError =>
  new CliError('E_FILE', `${path}: ${what}`, { path }, cause)
