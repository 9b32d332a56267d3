import { nearestName } from '@tempered/errors'
import type { Manifest } from '@tempered/protocol'
import { issueText, valueAt } from '@tempered/protocol/issue-text'
import type { Architecture } from './architecture.js'
import { bft } from './architectures/bft.js'
import { pofl } from './architectures/pofl.js'
import { pos } from './architectures/pos.js'
import { pow } from './architectures/pow.js'
import { vbfl } from './architectures/vbfl.js'
import type { SealBlock } from './chain-member.js'
import { type CustomArchitecture, customArchitecture } from './custom-architecture.js'
import { ChainError } from './errors.js'

/** What a manifest says of its chain. */
export type ChainSpec = NonNullable<Manifest['chain']>

/** The architectures that ship, by their names in manifests and scenarios. */
export const ARCHITECTURES: readonly Architecture[] = [bft, pofl, pos, pow, vbfl] as readonly Architecture[]

const registered = new Map<string, Architecture>()

/**
 * Adds an architecture of a user's own, which runs then find by its name; the same name replaces it. Returns the name.
 * Throws Error with what is missing.
 */
export function registerArchitecture(custom: CustomArchitecture): string {
  registered.set(custom.name, customArchitecture(custom))
  return custom.name
}

export interface OpenChain {
  readonly architecture: Architecture
  /** Checked, with all defaults. */
  readonly params: unknown
  /** Only of members that do not keep to the protocol; see `ChainMemberInit`. */
  readonly seal?: SealBlock | undefined
}

/** Finds the architecture of a chain and checks its parameters. Throws ChainError E_CHAIN_UNKNOWN, E_CHAIN_PARAMS. */
export function openChain({ architecture: name, params: given }: ChainSpec): OpenChain {
  const architecture = registered.get(name) ?? ARCHITECTURES.find((one) => one.name === name)
  if (architecture === undefined) {
    const names = [...ARCHITECTURES.map((one) => one.name), ...registered.keys()]
    const near = nearestName(name, names)
    throw new ChainError(
      'E_CHAIN_UNKNOWN',
      `there is no chain architecture "${name}"${near === undefined ? '.' : `; did you mean ${near}?`} Known: ${names.join(', ')}`,
      { architecture: name },
    )
  }
  const parsed = architecture.params.safeParse(given)
  if (parsed.success) return { architecture, params: parsed.data }
  const issue = parsed.error.issues[0]
  const path = issue?.path.map(String).join('.') ?? ''
  const text = issue === undefined ? 'malformed' : issueText(issue, valueAt(given, issue.path))
  throw new ChainError(
    'E_CHAIN_PARAMS',
    `chain ${name}${path === '' ? '' : `, parameter ${path}`}: ${text}`,
    { architecture: name, path },
  )
}

/** A chain for a manifest, with all defaults filled in. Throws as {@link openChain}. */
export function chainSpec(architecture: string, params: ChainSpec['params'] = {}): ChainSpec {
  return { architecture, params: openChain({ architecture, params }).params as ChainSpec['params'] }
}
