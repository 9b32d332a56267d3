/** What to say of a name that belongs to code which is not loaded here. */

/**
 * The sentence for a name of the form `<name>@<hash>`, by which runs call code from a module; undefined for other names.
 *
 * @param known - names that are there
 */
export function missingModule(name: string, known: readonly string[]): string | undefined {
  const [plain, hash] = name.split('@')
  if (hash === undefined) return undefined
  const other = known.find((candidate) => candidate.startsWith(`${plain}@`))
  const loaded =
    other === undefined
      ? 'no module of that name is loaded here'
      : `this process has loaded another version of it, with ${other.slice(plain.length + 1)}`
  return `'${plain}' is code of its own, from a file whose SHA-256 begins with ${hash}; ${loaded}. Load that very file.`
}
