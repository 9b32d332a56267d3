import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { errorMessage } from '@tempered/node'
import { type Finding, findingsOf, type Patient } from './finding.js'

const { ok, problem } = findingsOf('data')

/** Whether the data or the trainer are there. Nothing is loaded; `tempered data inspect` reads it all. */
export async function checkData({ config }: Pick<Patient, 'config'>): Promise<Finding[]> {
  const { trainer, data, file } = config
  if (trainer !== undefined) return [await checkProgram(trainer.command[0]!, dirname(resolve(file)))]
  const named = [data.source, ...(typeof data.test === 'string' ? [data.test] : [])]
  return Promise.all(named.map(checkSource))
}

async function checkSource(path: string): Promise<Finding> {
  if (path === 'mnist') return ok('mnist: the embedded digits')
  try {
    await access(path, constants.R_OK)
    return ok(`${path} can be read`)
  } catch (error) {
    return problem(
      `${path}: ${errorMessage(error)}`,
      'correct `data` in node.yaml, or make it readable for this user',
    )
  }
}

async function checkProgram(program: string, folder: string): Promise<Finding> {
  const places = program.includes('/')
    ? [isAbsolute(program) ? program : join(folder, program)]
    : (process.env.PATH ?? '').split(delimiter).map((place) => join(place, program))
  for (const place of places) {
    const found = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return ok(`the trainer is ${place}`)
  }
  return problem(
    `there is no program ${program} for the trainer`,
    'install it, or correct `trainer.command` in node.yaml',
  )
}
