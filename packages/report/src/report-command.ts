import { basename, relative, resolve } from 'node:path'

/** The command that creates a report again; a folder outside the working directory is named only by its last part. */
export function reportCommand(folder: string): string {
  const path = relative('.', resolve(folder))
  const name = path === '' || path.startsWith('..') ? basename(resolve(folder)) : path
  return `tempered report ${/^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`}`
}
