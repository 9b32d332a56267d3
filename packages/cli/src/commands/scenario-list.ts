import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { kindOfText } from '@tempered/lab/documents'
import { errorMessage } from '@tempered/node'
import { CliError } from '../errors.js'
import { table } from '../terminal/table.js'

/**
 * `tempered scenario list`: every scenario, lab and consensus file of a folder and those below it, with its kind and
 * the first sentence of its comment. Throws E_FILE.
 */
export async function scenarioList(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    const isFile = error.code === 'ENOTDIR'
    const what = isFile ? 'this is a file; name a folder with scenarios' : errorMessage(error)
    throw new CliError('E_FILE', `${folder}: ${what}`, { folder }, error)
  })
  const files = names.filter((name) => /\.(ya?ml|json)$/.test(name) && !name.endsWith('.schema.json'))
  // The files of the folder itself come first.
  const depth = (name: string): number => name.split(sep).length
  files.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
  const rows = await Promise.all(
    files.map(async (name) => {
      const path = join(folder, name)
      const text = await readFile(path, 'utf8')
      return [path, kindOfText(text), firstSentence(text)]
    }),
  )
  if (rows.length === 0)
    process.stderr.write(`no scenarios in ${folder}; ./tempered scenario init creates one\n`)
  for (const line of table(rows, new Set())) process.stdout.write(`${line}\n`)
}

/** The first sentence of the leading comment of a YAML file, which may span several lines; '' when there is none. */
export function firstSentence(text: string): string {
  const words: string[] = []
  for (const line of text.split('\n')) {
    const comment = /^\s*#\s?(.*)$/.exec(line)?.[1]
    const isBlank = comment === '' || line.trim() === ''
    if (comment?.startsWith('yaml-language-server:') || (isBlank && words.length === 0)) continue
    if (comment === undefined || isBlank) break
    words.push(comment.trim())
  }
  return /^.*?\.(?=\s|$)/.exec(words.join(' '))?.[0] ?? words.join(' ')
}
