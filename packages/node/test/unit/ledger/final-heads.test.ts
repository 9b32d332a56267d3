import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentCid, type SignedEntry } from '@tempered/protocol'
import { expect, it } from 'vitest'
import { encodeCarHeader, encodeCarSection } from '../../../src/ledger/car.js'
import { collectFinals, verifyAgainstFinals } from '../../../src/ledger/final-heads.js'
import { FINALS_FILE, writeFinals } from '../../../src/witness/final-store.js'
import { finalHead } from '../../support/final-fixture.js'
import { announce, makeChain, makeEntry, run, signers } from '../../support/run-fixture.js'
import { writeLedger } from '../../support/state-folder.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const chain = makeChain(5)
const noTrouble = (error: unknown): never => {
  throw error
}

/** Verdict on a ledger of these entries beside a witness who knows the head at `finalHeight` of the true chain. */
async function verdictOn(entries: readonly SignedEntry[], finalHeight: number) {
  const folder = await temporaryFolder()
  const path = await writeLedger(join(folder, 'accused'), entries)
  const witness = await writeLedger(join(folder, 'witness'), [])
  await writeFinals(join(folder, 'witness', FINALS_FILE), run, [finalHead(chain, finalHeight)])
  return {
    path,
    folder,
    verdict: await verifyAgainstFinals(path, await collectFinals([path, witness], noTrouble)),
  }
}

it('says how far a ledger is final', async () => {
  expect((await verdictOn(chain, 3)).verdict).toMatchObject({ ok: true, entries: 5, finalHeight: 3 })
  expect((await verdictOn(chain, 4)).verdict).toMatchObject({ ok: true, entries: 5, finalHeight: 4 })
})

it('catches a ledger that was cut below a final head, and names both heights', async () => {
  const { verdict } = await verdictOn(chain.slice(0, 3), 3)
  expect(verdict).toMatchObject({ ok: false, code: 'E_ROLLED_BACK', entry: 3, finalHeight: 3 })
  expect(!verdict.ok && verdict.message).toMatch(
    /ends with entry 3, .* at entry 4 \(round 4\) is final \(co-signed by 2/,
  )
})

it('catches a ledger that was rewritten below a final head', async () => {
  const other = makeEntry(2, chain[1].cid, { localSteps: 9, neighbours: [] })
  const next = makeEntry(3, other.cid)
  const { verdict } = await verdictOn([...chain.slice(0, 2), other, next], 2)
  expect(verdict).toMatchObject({ ok: false, code: 'E_ROLLED_BACK', entry: 2, finalHeight: 2 })
})

it('knows whose ledger was cut to nothing by the announcements beside it', async () => {
  const { path, folder } = await verdictOn([], 3)
  const { bytes } = announce(signers[0], 0)
  const file = [encodeCarHeader(run.id), encodeCarSection(documentCid(bytes), bytes)]
  await writeFile(join(folder, 'accused', 'announcements.car'), Buffer.concat(file))
  const finals = await collectFinals([path, join(folder, 'witness', 'ledger.car')], noTrouble)
  const verdict = await verifyAgainstFinals(path, finals)
  expect(verdict).toMatchObject({ ok: false, code: 'E_ROLLED_BACK', entry: 0 })
})

it("compares heads only with their own author's ledger, and continues when a finals file is damaged", async () => {
  const folder = await temporaryFolder()
  const theirs = makeEntry(0, run.id, { neighbours: [] }, signers[1])
  const path = await writeLedger(folder, [theirs])
  await writeFinals(join(folder, FINALS_FILE), run, [finalHead(chain, 3)])
  const verdict = await verifyAgainstFinals(path, await collectFinals([path], noTrouble))
  expect(verdict).toMatchObject({ ok: true, author: signers[1].peerId })
  expect(verdict.finalHeight).toBeUndefined()

  await writeFile(join(folder, FINALS_FILE), 'nonsense')
  const troubles: unknown[] = []
  const finals = await collectFinals([path], (error) => troubles.push(error))
  expect(troubles).toMatchObject([{ code: 'E_STATE_CORRUPT' }])
  expect(finals.of(run, signers[1].peerId)).toEqual([])
})
