import { LIMITS } from '@tempered/protocol'
import { InvalidArgumentError, Option } from 'commander'
import { isMultiaddr, isPeerMultiaddr, multiaddrProblem } from './config/multiaddr.js'

/** Parsers of option values. Each throws InvalidArgumentError, which names the option. */

export const wholeNumber =
  (minimum: number) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < minimum)
      throw new InvalidArgumentError(`must be a whole number from ${minimum}`)
    return value
  }
/** Rounds of a run, or `open` for one without an end. */
export const roundsOrOpen = (text: string): number =>
  text === 'open' ? LIMITS.maxRounds : wholeNumber(1)(text)
export const number = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('must be a number, e.g. 0.05')
  return value
}
/** Distinct whole numbers, separated by commas. */
export const wholeNumbers =
  (minimum: number) =>
  (text: string): number[] => {
    const values = text.split(',').map(wholeNumber(minimum))
    if (new Set(values).size < values.length) throw new InvalidArgumentError('contains a number twice')
    return values
  }
/** `name=number`, repeatable. */
export const assignment = (text: string, previous: Record<string, number> = {}): Record<string, number> => {
  const [key, value] = text.split('=')
  const number = Number(value)
  if (!key || value === undefined || value === '' || !Number.isFinite(number)) {
    throw new InvalidArgumentError('must be name=number')
  }
  return { ...previous, [key]: number }
}
/** A TCP multiaddr. */
export const multiaddr = (text: string): string => {
  if (!isMultiaddr(text)) throw new InvalidArgumentError(multiaddrProblem(text))
  return text
}
/** TCP multiaddrs, repeatable. */
export const multiaddrs = (text: string, previous: string[] = []): string[] => [...previous, multiaddr(text)]
/** TCP multiaddrs of IPFS peers, repeatable. */
export const peerMultiaddrs = (text: string, previous: string[] = []): string[] => {
  if (!isPeerMultiaddr(text)) throw new InvalidArgumentError(multiaddrProblem(text))
  return [...previous, text]
}
/** Repeatable. */
export const list = (text: string, previous: string[] = []): string[] => [...previous, text]

interface NamedParameters {
  readonly name: string
  readonly params: Record<string, number>
}

/** `name` or `name:parameter=number,…`, repeatable. */
export const namedParameters = (text: string): NamedParameters => {
  const [name = '', assignments] = text.split(':')
  let params: Record<string, number> = {}
  for (const one of assignments?.split(',') ?? []) params = assignment(one, params)
  return { name, params }
}

export const preAggregator = (text: string, previous: NamedParameters[] = []): NamedParameters[] => [
  ...previous,
  namedParameters(text),
]

export const backendOption = (): Option =>
  new Option('--backend <name>', 'training engine: simd is our own, the others are backends of tfjs').choices(
    ['auto', 'simd', 'node', 'wasm', 'cpu'],
  )
