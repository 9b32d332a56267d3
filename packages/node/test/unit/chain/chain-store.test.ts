import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Block, blockBody, signBlock, signMessage } from '@tempered/chain'
import { sealManifest } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { readChainFile } from '../../../src/chain/chain-file.js'
import { CHAIN_FILE, CHAIN_MESSAGES_FILE, openChainStore } from '../../../src/chain/chain-store.js'
import { makeRun, modelCid, otherRun, signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const run = sealManifest({ ...makeRun().manifest, chain: { architecture: 'pos', params: {} } })

function block(parent: Block | undefined, round: number): Block {
  const author = signers[0]!.peerId
  const proposal = {
    round,
    heads: [],
    candidates: [{ member: 0, model: modelCid(round + 1) }],
    aggregate: modelCid(100 + round),
  }
  const body = blockBody({ run, parent }, author, proposal)
  return signBlock({ ...body, proof: { slot: 0, equivocations: [] } }, signers[0]!)
}

const message = (kind: string) => signMessage(run, { kind }, signers[0]!)

describe('the store of a chain', () => {
  it('gives back blocks and own messages in their order', async () => {
    const folder = await temporaryFolder()
    const first = block(undefined, 0)
    const second = block(first, 1)
    const store = await openChainStore(folder, run)
    expect([store.blocks, store.messages]).toEqual([[], []])
    await store.addBlock(first)
    await store.addMessage(message('vote'))
    await store.addBlock(second)
    await store.close()
    const again = await openChainStore(folder, run)
    expect(again.blocks.map(({ cid }) => cid.toString())).toEqual(
      [first, second].map(({ cid }) => cid.toString()),
    )
    expect(again.messages.map(({ body }) => body.payload)).toEqual([{ kind: 'vote' }])
    await again.addMessage(message('finalise'))
    await again.close()
    const last = await openChainStore(folder, run)
    expect(last.messages).toHaveLength(2)
    await last.close()
  })

  it('sets a torn end aside and refuses damage and another run', async () => {
    const folder = await temporaryFolder()
    const store = await openChainStore(folder, run)
    await store.addBlock(block(undefined, 0))
    await store.addMessage(message('vote'))
    await store.close()
    const path = join(folder, CHAIN_FILE)
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, whole.length - 3))
    const torn = await openChainStore(folder, run)
    expect(torn.blocks).toHaveLength(0)
    await torn.addBlock(block(undefined, 0))
    await torn.close()
    expect((await readFile(path)).equals(whole)).toBe(true)
    await expect(openChainStore(folder, otherRun)).rejects.toMatchObject({ code: 'E_WRONG_RUN' })
    for (const name of [CHAIN_FILE, CHAIN_MESSAGES_FILE]) {
      const bytes = await readFile(join(folder, name))
      const damaged = Buffer.from(bytes)
      damaged[damaged.length - 1]! ^= 1
      await writeFile(join(folder, name), damaged)
      await expect(openChainStore(folder, run)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
      await writeFile(join(folder, name), bytes)
    }
  })

  it('is a file that names a block against the rules', async () => {
    const folder = await temporaryFolder()
    const store = await openChainStore(folder, run)
    const first = block(undefined, 0)
    await store.addBlock(first)
    await store.addBlock(block(first, 2))
    await store.close()
    await expect(readChainFile(join(folder, CHAIN_FILE))).rejects.toMatchObject({
      name: 'ChainFileError',
      block: expect.any(Number),
    })
  })
})
