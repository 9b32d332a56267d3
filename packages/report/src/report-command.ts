import { basename, relative, resolve } from 'node:path'

/** The command that makes a report again; a folder outside the working directory is named by its last part alone. */
export function reportCommand(folder: string): string {
  const path = relative('.', resolve(folder))
  const name = path === '' || path.startsWith('..') ? basename(resolve(folder)) : path
  return `tempered report ${/^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`}`
}
