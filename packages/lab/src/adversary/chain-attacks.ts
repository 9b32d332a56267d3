import {
  ARCHITECTURES,
  type Architecture,
  type Block,
  type ChainEffect,
  drawProposer,
  headsRoot,
  type OpenChain,
  type PosParams,
  type PosStanding,
  type SealBlock,
  signBlock,
} from '@tempered/chain'
import type { NodeComponents } from '@tempered/node'

/**
 * Nodes that train and publish honestly but do not keep to the protocol of the run's common chain. Without a chain they
 * are honest.
 */
export const CHAIN_ATTACKS: Readonly<Record<string, string>> = {
  'block-withholding': 'writes no block of a common chain when it could',
  'selfish-mining': 'keeps its blocks of a common chain back until another member has one of the same height',
  'double-proposal': 'signs a second block beside each of its own',
  'vote-flipping': 'votes for the empty block wherever it should vote for one that was offered',
  'stake-grinding':
    'tries variants of its block of a proof of stake until one draws it as the author of the next block',
  'false-score': 'claims that its aggregate is perfect, where blocks are judged by scores',
}

/** The architectures that an attack can act on, where it is not all of them. */
const ACTS_ON: Readonly<Record<string, readonly string[]>> = {
  'vote-flipping': ['bft', 'vbfl'],
  'stake-grinding': ['pos'],
  'false-score': ['pofl'],
}

/**
 * A warning about an attack that cannot act in a run, whose nodes are honest then; undefined for others.
 *
 * @param architecture of the run's common chain, if it has one; what attacks do to one of a user's own is not known
 */
export function idleAttackWarning(attack: string, architecture: string | undefined): string | undefined {
  if (!Object.hasOwn(CHAIN_ATTACKS, attack)) return undefined
  if (architecture === undefined)
    return `the attack ${attack} acts on a common chain, and the run has none: its nodes are honest`
  const known = ACTS_ON[attack]
  if (
    known === undefined ||
    known.includes(architecture) ||
    !ARCHITECTURES.some(({ name }) => name === architecture)
  )
    return undefined
  return `the attack ${attack} does nothing to a chain of ${architecture}, only to ${known.join(' and ')}: its nodes are honest`
}

type ChainParts = Pick<NodeComponents, 'createNetwork' | 'wrapChain'>

/** @param active whether the node attacks in a round, counted from 0 */
export function createChainAttack(name: string, active: (round: number) => boolean): ChainParts {
  switch (name) {
    case 'block-withholding':
      return withEffects(active, (effect) => (isOffer(effect) ? [] : [effect]))
    case 'vote-flipping':
      return withEffects(active, (effect) => flipped(effect))
    case 'false-score':
      return withEffects(active, (effect) =>
        effect.type === 'propose' && 'score' in effect.proof
          ? [{ ...effect, proof: { ...effect.proof, score: 1 } }]
          : [effect],
      )
    case 'stake-grinding':
      return { wrapChain: (chain) => ({ ...chain, seal: grinding(chain, active) }) }
    case 'double-proposal':
      return doubleProposal(active)
    default:
      return selfishMining(active)
  }
}

/** Changes what this node's member asks for in rounds of the attack. */
function withEffects(
  active: (round: number) => boolean,
  change: (effect: ChainEffect) => readonly ChainEffect[],
): ChainParts {
  return {
    wrapChain: (chain) => ({ ...chain, architecture: changed(chain.architecture, active, change) }),
  }
}

function changed(
  architecture: Architecture,
  active: (round: number) => boolean,
  change: (effect: ChainEffect) => readonly ChainEffect[],
): Architecture {
  return {
    ...architecture,
    participant(init) {
      const member = architecture.participant(init)
      let round = 0
      return {
        handle(event) {
          if (event.type === 'ready')
            round = event.parent === null ? 0 : (init.view.get(event.parent)?.block?.body.round ?? -1) + 1
          const effects = member.handle(event)
          return active(round) ? effects.flatMap(change) : effects
        },
      }
    },
  }
}

function isOffer({ type }: ChainEffect): boolean {
  return type === 'propose' || type === 'mine'
}

function flipped(effect: ChainEffect): ChainEffect[] {
  if (effect.type !== 'send') return [effect]
  const { kind, block, choices } = effect.payload
  if (kind === 'votes')
    return [{ ...effect, payload: { ...effect.payload, choices: (choices as Choice[]).map(opposite) } }]
  // It could not finalise a block that it has voted against.
  if (kind === 'finalise') return []
  if (kind !== 'vote' || block === null) return [effect]
  return [{ ...effect, payload: { ...effect.payload, block: null } }]
}

/** A validator's choice in vbfl. */
type Choice = { readonly fits: boolean }
const opposite = (choice: Choice): Choice => ({ ...choice, fits: !choice.fits })

/** Variants of a block that are tried: it may name any of the ledgers of other members or leave them out. */
const VARIANTS = 256

/** Every variant has another CID, and the CID draws who is next. */
function grinding(chain: OpenChain, active: (round: number) => boolean): SealBlock {
  return (body, before, { run, signer }) => {
    if (chain.architecture.name !== 'pos' || !active(body.round)) return body
    const rules = chain.architecture.rules({ run, params: chain.params })
    const { drawByBlock } = chain.params as PosParams
    const self = run.memberIndex.get(signer.peerId)
    const others = body.heads.filter(({ member }) => member !== self)
    for (let variant = 0; variant < Math.min(VARIANTS, 2 ** others.length); variant++) {
      const left = new Set(others.filter((_, k) => ((variant >> k) & 1) === 1))
      const heads = body.heads.filter((head) => !left.has(head))
      const changed = { ...body, heads, headsRoot: headsRoot(heads) }
      const block = signBlock(changed, signer)
      const { stakes } = rules.after(block, before) as PosStanding
      if (drawProposer(run, block, 0, stakes, drawByBlock) === self) return changed
    }
    return body
  }
}

function doubleProposal(active: (round: number) => boolean): ChainParts {
  return {
    createNetwork(parts, makeLibp2p) {
      const network = makeLibp2p(parts)
      const { signer, run } = parts
      const member = run.memberIndex.get(signer.peerId)
      return {
        ...network,
        async publishBlock(block) {
          await network.publishBlock(block)
          const { author, round, heads } = block.body
          if (author !== signer.peerId || !active(round)) return
          const fewer = heads.length > 1 ? heads.filter((head) => head.member === member) : []
          const body = { ...block.body, heads: fewer, headsRoot: headsRoot(fewer) }
          await network.publishBlock(signBlock(body, signer))
        },
      }
    },
  }
}

function selfishMining(active: (round: number) => boolean): ChainParts {
  return {
    createNetwork(parts, makeLibp2p) {
      let held: Block[] = []
      const isHeld = (bytes: Uint8Array): boolean => held.some((block) => block.bytes === bytes)
      const network = makeLibp2p({
        ...parts,
        local: {
          ...parts.local,
          blocks: (from) => parts.local.blocks(from).filter((bytes) => !isHeld(bytes)),
        },
      })
      /** A block of others: those of its height are shown, and the last one too, since a lead of one is soon lost. */
      const answer = (height: number): void => {
        const due = held.filter(({ body }) => body.height <= height)
        const left = held.length - due.length
        const shown = left <= 1 ? held : due
        held = held.filter((block) => !shown.includes(block))
        for (const block of shown) void network.publishBlock(block)
      }
      return {
        ...network,
        start: (handlers) =>
          network.start({
            ...handlers,
            block(block) {
              handlers.block(block)
              if (block.body.author !== parts.signer.peerId) answer(block.body.height)
            },
          }),
        async publishBlock(block) {
          if (block.body.author === parts.signer.peerId && active(block.body.round)) held.push(block)
          else await network.publishBlock(block)
        },
      }
    },
  }
}
