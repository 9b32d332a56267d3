import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError } from '../errors.js'
import { table } from '../report/format.js'

/** `tempered scenario list`: every scenario file of a folder with its first comment line. Throws E_FILE. */
export async function scenarioList(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new CliError('E_FILE', `${folder}: ${error.message}`, { folder }, error)
  })
  const files = names.filter((name) => /\.(ya?ml|json)$/.test(name) && !name.endsWith('.schema.json')).sort()
  const rows = await Promise.all(
    files.map(async (name) => {
      const path = join(folder, name)
      return [path, firstComment(await readFile(path, 'utf8'))]
    }),
  )
  if (rows.length === 0)
    process.stderr.write(`no scenarios in ${folder}; ./tempered scenario init makes one\n`)
  for (const line of table(rows, new Set())) process.stdout.write(`${line}\n`)
}

/** The first comment of a YAML file that says something to people. */
export function firstComment(text: string): string {
  for (const line of text.split('\n')) {
    const comment = /^\s*#\s?(.*)$/.exec(line)?.[1]
    if (comment !== undefined && comment !== '' && !comment.startsWith('yaml-language-server:'))
      return comment
    if (comment === undefined && line.trim() !== '') return ''
  }
  return ''
}
