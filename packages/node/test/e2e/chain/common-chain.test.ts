import type { Block } from '@tempered/chain'
import {
  blobCid,
  createAccountSigner,
  type Evidence,
  encodeModel,
  type SignedHead,
  type Signer,
  signAnnouncement,
  verifyHeadStatement,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { Words } from '../../../src/chain/common-chain.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import type { NodeComponents } from '../../../src/node-parts.js'
import type { MemoryHub } from '../../../src/transport/memory-network.js'
import { type MemoryNode, memoryCluster, peerOf, realRun, START } from '../../support/memory-cluster.js'
import { seeds } from '../../support/run-fixture.js'

const ROUNDS = 5
const MEMBERS = 4
const PLACE = { chainId: 7, contract: '0x5FbDB2315678afecb367f032d93F642f64180aa3' } as const
const chain = { architecture: 'bft', params: { deltaMs: 1_000 } }
const accounts = Array.from({ length: MEMBERS }, (_, k) =>
  createAccountSigner(new Uint8Array(32).fill(k + 1), PLACE),
)
const staked = { ...PLACE, accounts: accounts.map(({ address }) => address) }

/** A member's identity with the account of another member, or of its own. */
const identityOf = (k: number, account = accounts[k]) => {
  const plain = identityFromSeed(seeds[k]!)
  const signer: Signer = { ...plain.signer, account }
  return { ...plain, signer }
}

interface Seen {
  readonly finals: Block[]
  readonly said: { readonly author: string; readonly words: Words }[]
  readonly heads: SignedHead[]
  readonly evidence: Evidence[]
}

async function start(
  run: ReturnType<typeof realRun>,
  components: (k: number, hub: MemoryHub) => Partial<NodeComponents> = () => ({}),
) {
  const cluster = await memoryCluster(run)
  const seen: Seen[] = []
  const nodes: MemoryNode[] = []
  for (let k = 0; k < MEMBERS; k++) {
    const own: Seen = { finals: [], said: [], heads: [], evidence: [] }
    seen.push(own)
    nodes.push(
      await cluster.start(k, components(k, cluster.hub), {
        ...(run.manifest.settlement === undefined ? {} : { identity: identityOf(k) }),
        events: {
          onFinal: (block) => own.finals.push(block),
          onSaid: (author, words) => own.said.push({ author, words }),
          onHead: (head) => own.heads.push(head),
          onEvidence: (evidence) => own.evidence.push(evidence),
        },
      }),
    )
  }
  return { nodes, seen, cluster }
}

describe('a common chain, seen from the program around a node', () => {
  it('shows each final block once and in order, the ledgers that it names, and what members say', async () => {
    const { nodes, seen } = await start(realRun({ rounds: ROUNDS, chain }))
    nodes[1]!.node.common!.say({ about: 'a job', time: 1 })
    await Promise.all(nodes.map(({ round }) => round(2)))
    const { signal } = new AbortController()
    const block = seen[0]!.finals.find(({ body }) => body.round >= 1)!
    for (const { member, entry } of block.body.heads) {
      const ledger = await nodes[0]!.node.common!.ledgerTo(peerOf(member), entry, signal)
      expect(ledger.at(-1)!.cid.equals(entry)).toBe(true)
      expect(ledger.map(({ body }) => body.height)).toEqual(ledger.map((_, k) => k))
      expect(new Set(ledger.map(({ body }) => body.author))).toEqual(new Set([peerOf(member)]))
    }
    const model = await nodes[0]!.node.common!.model(block.body.aggregate, signal)
    expect(blobCid(model!).equals(block.body.aggregate)).toBe(true)
    const strange = blobCid(encodeModel(START))
    await expect(nodes[0]!.node.common!.ledgerTo(peerOf(1), strange, signal)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    })
    await Promise.all(nodes.map(({ done }) => done))
    for (const { finals } of seen)
      expect(finals.map(({ body }) => body.height)).toEqual(finals.map((_, k) => k + 1))
    for (const k of [0, 2, 3])
      expect(seen[k]!.said).toEqual([{ author: peerOf(1), words: { about: 'a job', time: 1 } }])
    expect(seen[1]!.said).toEqual([])
  })

  it('is not there in a run without one', async () => {
    const { nodes } = await start(realRun({ rounds: 1 }))
    expect(nodes[0]!.node.common).toBeUndefined()
    await Promise.all(nodes.map(({ done }) => done))
  })
})

describe('in a run whose members have accounts', () => {
  const run = realRun({ rounds: ROUNDS, settlement: staked })

  it('heads carry statements, and nodes train as ever', async () => {
    const { nodes, seen } = await start(run)
    await Promise.all(nodes.map(({ done }) => done))
    for (const { heads } of seen) {
      expect(heads.map(({ body }) => body.height)).toContain(ROUNDS - 1)
      for (const head of heads) verifyHeadStatement(head, run)
    }
    expect((await nodes[0]!.entries()).at(-1)!.body.neighbours.every(({ accepted }) => accepted)).toBe(true)
  })

  it('a member that contradicts itself under its account is evidence for everybody', async () => {
    const { nodes, seen } = await start(run, (k, hub) =>
      k === 3 ? contradicting(hub, identityOf(3).signer) : {},
    )
    await Promise.all([0, 1, 2].map((k) => nodes[k]!.quarantine(peerOf(3))))
    await Promise.all([0, 1, 2].map((k) => nodes[k]!.done))
    for (const k of [0, 1, 2]) {
      expect(seen[k]!.evidence.map(({ offender, kind }) => [offender, kind])).toEqual([
        [peerOf(3), 'announcement-equivocation'],
      ])
    }
    await nodes[3]!.node.stop()
  })

  it('a second model without a statement is refused, and nobody is convicted', async () => {
    const { account: _, ...unstated } = identityOf(3).signer
    const { nodes, seen } = await start(run, (k, hub) => (k === 3 ? contradicting(hub, unstated) : {}))
    await Promise.all(nodes.map(({ done }) => done))
    expect(seen.flatMap(({ evidence }) => evidence)).toEqual([])
  })

  it.each([
    ['of another member', () => identityOf(0, accounts[1])],
    ['that is missing', () => identityFromSeed(seeds[0]!)],
  ])('a node does not start with an account %s', async (_, identity) => {
    const cluster = await memoryCluster(run)
    await expect(cluster.start(0, {}, { identity: identity() })).rejects.toMatchObject({ code: 'E_ACCOUNT' })
  })

  it('a node does not sign for an account in a run that names none', async () => {
    const cluster = await memoryCluster(realRun({ rounds: 1 }))
    await expect(cluster.start(0, {}, { identity: identityOf(0) })).rejects.toMatchObject({
      code: 'E_ACCOUNT',
    })
  })

  /** Announces a second model after the first of each round. */
  function contradicting(hub: MemoryHub, signer: Signer): Partial<NodeComponents> {
    return {
      createNetwork(parts) {
        const network = hub.connect(parts)
        return {
          ...network,
          async announce(message) {
            await network.announce(message)
            const { version: _version, author: _author, ...body } = message.body
            await network.announce(signAnnouncement({ ...body, model: blobCid(encodeModel(START)) }, signer))
          },
        }
      },
    }
  }
})
