import { shortName } from './short-name.js'

/** A rule, a pre-aggregator or an attack with the parameters that were given: `krum(f=4)`, `median`. */
export function callText({
  name,
  params = {},
}: {
  readonly name: string
  readonly params?: Readonly<Record<string, number>> | undefined
}): string {
  const given = Object.entries(params).map(([key, value]) => `${key}=${value}`)
  return given.length === 0 ? shortName(name) : `${shortName(name)}(${given.join(', ')})`
}
