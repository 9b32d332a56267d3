import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeEvidence, signAnnouncement } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { errorCode, errorMessage } from '../../../src/errors.js'
import { createIdentityFile, identityFromSeed, readIdentityFile } from '../../../src/identity-file.js'
import { silentLogger } from '../../../src/logger.js'
import { openPrivateStore, PRIVATE_FILE } from '../../../src/private/private-store.js'
import { commitToData, DATA_COMMITMENT_FILE, describeData } from '../../../src/state/data-commitment.js'
import { openFolderStores } from '../../../src/state/folder-stores.js'
import { openNodeDisk } from '../../../src/state/node-state.js'
import { FINALS_FILE, readFinals } from '../../../src/witness/final-store.js'
import { freshMembership } from '../../support/memberships.js'
import { memoryCluster, realRun, START } from '../../support/memory-cluster.js'
import { modelCid, seeds, signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const run = realRun({ rounds: 3 })
const PEERS = run.manifest.members.slice(1)
const KEY_FILE = 'identity.key'
const DATA = describeData('fixture', 'ab'.repeat(32), new Uint32Array(4))
/** What a damaged file may come to: as such, or as what it looks like. */
const CODES = new Set(['E_STATE_CORRUPT', 'E_WRONG_RUN', 'E_HASH_MISMATCH', 'E_KEY'])
/** Files up to this size are damaged at every byte; larger ones, and models, at so many places, evenly spread. */
const EVERY_BYTE = sized(0, 64)
const PLACES = sized(2, 12)

/** What a node goes on from: heads of all its entries, and rounds and models of all that it has announced. */
interface Beginning {
  readonly heads: readonly string[]
  readonly announced: readonly string[]
}

/** Opens all that a node opens before its first round, and what it opens later. Throws what that throws. */
async function begin(folder: string): Promise<Beginning> {
  const { signer } = await readIdentityFile(join(folder, KEY_FILE))
  await commitToData(join(folder, DATA_COMMITMENT_FILE), DATA)
  const stores = await openFolderStores(folder)
  const heads: string[] = []
  const announced: string[] = []
  const watched: typeof stores = {
    ...stores,
    openLedger: (ofRun, author, visit) =>
      stores.openLedger(ofRun, author, {
        entry(entry) {
          heads.push(entry.cid.toString())
          visit.entry?.(entry)
        },
        announcement(announcement) {
          announced.push(`${announcement.body.round} ${announcement.body.model}`)
          visit.announcement?.(announcement)
        },
      }),
  }
  const membership = freshMembership(run)
  const disk = await openNodeDisk(
    { run, membership, signer, stores: watched, initialParameters: START },
    silentLogger,
  )
  try {
    const state = await disk.enter(0)
    await stores.bans.load()
    await readFinals(join(folder, FINALS_FILE), run)
    await openPrivateStore(join(folder, PRIVATE_FILE))
    for (const peer of PEERS) await (await state.openLedgerCopy(peer, () => undefined)).close()
  } finally {
    await disk.close()
  }
  return { heads, announced }
}

/** Two models for one round, by a member. */
function misdeed() {
  const [one, other] = [1, 2].map((tag) =>
    signAnnouncement(
      {
        ...{ run: run.id, round: 1, model: modelCid(tag), byteLength: run.modelBytes },
        ...{ parent: run.id, norm: 1, opinions: null },
      },
      signers[3],
    ),
  )
  return makeEvidence(one!, other!)
}

/** A folder with everything that a node keeps, after three rounds of four nodes. */
async function makeState(): Promise<string> {
  const cluster = await memoryCluster(run)
  const nodes = await Promise.all(run.manifest.members.map((_, index) => cluster.start(index)))
  await Promise.all(nodes.map(({ done }) => done))
  const folder = join(await temporaryFolder(), 'whole')
  await cp(cluster.folders[0]!, folder, { recursive: true })
  await createIdentityFile(join(folder, KEY_FILE), identityFromSeed(seeds[0]!))
  await commitToData(join(folder, DATA_COMMITMENT_FILE), DATA)
  const stores = await openFolderStores(folder)
  await stores.bans.save([{ peer: PEERS[0]!, code: 'E_MALFORMED', until: 1_700_000_000_000, times: 2 }])
  await (await openPrivateStore(join(folder, PRIVATE_FILE))).save({ spoken: 2, refused: [], outcome: null })
  const evidence = await stores.openEvidence(run)
  await evidence.record(misdeed())
  await evidence.close()
  for (const [k, peer] of PEERS.entries()) {
    const copy = await stores.openLedgerCopy(run, peer, () => undefined)
    for (const { cid, bytes } of await nodes[k + 1]!.entries()) await copy.append(cid, bytes)
    await copy.close()
  }
  await stores.release()
  return folder
}

async function filesOf(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(folder.length + 1))
    .sort()
}

function placesIn(file: string, size: number): number[] {
  const isSmall = size <= EVERY_BYTE && !file.startsWith('blobs')
  const step = isSmall ? 1 : Math.max(1, Math.floor(size / PLACES))
  return Array.from({ length: Math.ceil(size / step) }, (_, k) => k * step)
}

const isPrefix = (some: readonly string[], all: readonly string[]): boolean =>
  some.length <= all.length && some.every((one, k) => one === all[k])

describe('a state folder in which one file', () => {
  it.each<[what: string, damage: (bytes: Uint8Array, at: number) => Uint8Array]>([
    ['is cut', (bytes, at) => bytes.subarray(0, at)],
    ['has a flipped bit', (bytes, at) => bytes.map((byte, k) => (k === at ? byte ^ (1 << (at % 8)) : byte))],
  ])('%s somewhere is refused with a code, or begins with what was there', async (_what, damage) => {
    const whole = await makeState()
    const folder = `${whole}-damaged`
    const renew = async (): Promise<void> => {
      await rm(folder, { recursive: true, force: true })
      await cp(whole, folder, { recursive: true })
    }
    await renew()
    const expected = await begin(folder)
    expect([expected.heads.length, expected.announced.length]).toEqual([3, 3])
    const counts = { refused: 0, begun: 0 }
    for (const file of await filesOf(whole)) {
      const bytes = await readFile(join(whole, file))
      for (const at of placesIn(file, bytes.byteLength)) {
        await renew()
        await writeFile(join(folder, file), damage(bytes, at))
        const where = `${file} at byte ${at}`
        try {
          const begun = await begin(folder)
          expect(isPrefix(begun.heads, expected.heads), where).toBe(true)
          expect(isPrefix(begun.announced, expected.announced), where).toBe(true)
          counts.begun += 1
        } catch (error) {
          if (!CODES.has(errorCode(error)))
            throw new Error(`${where}: ${errorCode(error)} ${errorMessage(error)}`, { cause: error })
          counts.refused += 1
        }
      }
    }
    // Models of past rounds are not read at a start, and a cut last append is set aside.
    expect(counts.refused).toBeGreaterThan(sized(10, 100))
    expect(counts.begun).toBeGreaterThan(sized(3, 30))
  })
})
