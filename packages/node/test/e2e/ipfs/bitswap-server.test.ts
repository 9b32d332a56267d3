import type { Connection, Libp2p } from '@libp2p/interface'
import { blobCid } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import protobuf from 'protobufjs/minimal.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { randomIdentity } from '../../../src/identity-file.js'
import { type BitswapMessage, encodeWants } from '../../../src/ipfs/bitswap-message.js'
import { type BitswapNetwork, createBitswapNetwork } from '../../../src/ipfs/bitswap-network.js'
import { serveBitswap } from '../../../src/ipfs/bitswap-server.js'
import { createBlockMap } from '../../../src/ipfs/block-map.js'
import { blockKey } from '../../../src/ipfs/ipfs-cid.js'
import { IPFS_LIMITS } from '../../../src/ipfs/ipfs-limits.js'
import { createIpfsNode } from '../../../src/ipfs/ipfs-node.js'

const { maxWantsPerPeer, maxQuestionBytes } = IPFS_LIMITS
const SENT = Array.from({ length: maxWantsPerPeer + 76 }, (_, k) => new TextEncoder().encode(`block ${k}`))
const CIDS = SENT.map(blobCid)
const MISSING = blobCid(new Uint8Array([9]))

const want = (cid: CID) => ({ cid, cancel: false })

/** A message that asks whether a block is there, in the words of a peer that does not want to hear that it is not. */
function quietly(cid: CID, haveOnly: boolean): Uint8Array {
  const entry = protobuf.Writer.create().uint32(10).bytes(cid.bytes)
  if (haveOnly) entry.uint32(32).int32(1)
  const list = protobuf.Writer.create().uint32(10).bytes(entry.finish()).finish()
  return protobuf.Writer.create().uint32(10).bytes(list).finish()
}

describe('serveBitswap', () => {
  const nodes: Libp2p[] = []
  let connection: Connection
  let asking: BitswapNetwork
  let answers: BitswapMessage[] = []
  let wake = (): void => undefined

  beforeAll(async () => {
    const start = async (listen: readonly string[]) => {
      const node = await createIpfsNode({ identity: randomIdentity(), listen, dialMs: 60_000 })
      nodes.push(node)
      return node
    }
    const host = await start(['/ip4/127.0.0.1/tcp/0'])
    const peer = await start([])
    const blocks = createBlockMap()
    for (const [k, bytes] of SENT.entries()) blocks.put(CIDS[k]!, bytes)
    await serveBitswap({ libp2p: host, clock: systemClock, blocks }, { sendMs: 60_000 })
    asking = await createBitswapNetwork(
      { libp2p: peer, clock: systemClock },
      {
        maxMessageBytes: maxQuestionBytes,
        sendMs: 60_000,
        onMessage(_, message) {
          answers.push(message)
          wake()
        },
      },
    )
    connection = await peer.dial(host.getMultiaddrs())
  })
  afterAll(() => Promise.all(nodes.map((node) => node.stop())))

  /** Everything that comes until the answer to `last`, which is asked for after the rest. */
  async function ask(messages: readonly Uint8Array[], last: CID) {
    answers = []
    await asking.send(connection, [...messages, encodeWants([want(last)])])
    const isLast = ({ blocks, presences }: BitswapMessage) =>
      blocks.some(({ key }) => key === blockKey(last)) || presences.some(({ cid }) => cid.equals(last))
    while (!answers.some(isLast))
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    return {
      blocks: answers.flatMap(({ blocks }) => blocks.map(({ key }) => key)),
      presences: answers.flatMap(({ presences }) => presences),
    }
  }

  it('sends blocks, one a message, and says what is missing', async () => {
    const got = await ask([encodeWants([want(CIDS[0]!), want(MISSING)])], CIDS[1]!)
    expect(got).toEqual({
      blocks: [blockKey(CIDS[0]!), blockKey(CIDS[1]!)],
      presences: [{ cid: MISSING, has: false }],
    })
    expect(Math.max(...answers.map(({ blocks }) => blocks.length))).toBe(1)
  })

  it('says that it has a block without sending it, and nothing where nothing is asked', async () => {
    const got = await ask([quietly(CIDS[0]!, true), quietly(MISSING, false)], CIDS[1]!)
    expect(got).toEqual({ blocks: [blockKey(CIDS[1]!)], presences: [{ cid: CIDS[0], has: true }] })
  })

  it('remembers as many wants of a peer as the limit says, and goes on afterwards', async () => {
    const got = await ask([encodeWants(CIDS.map(want))], MISSING)
    expect(got.blocks.length).toBeLessThanOrEqual(maxWantsPerPeer)
    const rest = await ask([], CIDS.at(-1)!)
    expect([...got.blocks, ...rest.blocks].length).toBe(maxWantsPerPeer + 1)
  })

  it('takes cancels', async () => {
    const taken = encodeWants([
      ...CIDS.slice(0, 20).map(want),
      ...CIDS.slice(0, 20).map((cid) => ({ cid, cancel: true })),
    ])
    expect((await ask([taken], CIDS[30]!)).blocks).toEqual([blockKey(CIDS[30]!)])
  })

  it('resets the stream of a question that is too long, and answers the next one', async () => {
    await asking.send(connection, [new Uint8Array(maxQuestionBytes + 1)]).catch(() => undefined)
    expect((await ask([], CIDS[2]!)).blocks).toEqual([blockKey(CIDS[2]!)])
  })
})
