import { appendFile, cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EVIDENCE_FILE, openEvidenceLog, packMisbehaviourProof, readIdentityFile } from '@tempered/node'
import {
  blobCid,
  makeEvidence,
  type Run,
  type Signer,
  sealManifest,
  signAnnouncement,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { full } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { initNodes, listening, roundDone, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder, runCli, startCli } from '../support/run-cli.js'

async function runOf(folder: string): Promise<Run> {
  return sealManifest(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')))
}

/** A proof file of two stories that a node of these folders might have told. */
async function writeProof(folder: string, run: Run, { signer }: { signer: Signer }): Promise<string> {
  const [one, two] = [1, 2].map((tag) =>
    signAnnouncement(
      {
        run: run.id,
        round: 0,
        model: blobCid(Uint8Array.of(tag)),
        byteLength: run.modelBytes,
        parent: run.id,
        norm: 1,
        opinions: null,
      },
      signer,
    ),
  )
  const parts = await packMisbehaviourProof(run, makeEvidence(one!, two!), undefined, async () => undefined)
  await writeFile(join(folder, 'proof.car'), Buffer.concat(parts))
  return 'proof.car'
}

describe('evidence that an owner brings', () => {
  it.runIf(full)('makes the node and all others quarantine the offender', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob', 'carol'], 3)
      const run = await runOf(folder)
      const bob = await readIdentityFile(join(folder, 'bob', 'identity.key'))
      const proof = await writeProof(folder, run, bob)
      const carol = startNode(folder, 'carol')
      await setBootstrap(folder, 'alice', await listening(carol))
      const alice = startCli(['node', 'start', '--config', 'alice', '--json', '--evidence', proof], folder)
      // Bob never comes, and nobody waits for him: whoever is proven to have lied is no neighbour any more.
      expect(await Promise.all([alice.exit, carol.exit])).toEqual([0, 0])
      for (const name of ['alice', 'carol']) {
        const log = await openEvidenceLog(join(folder, name, 'state', EVIDENCE_FILE), run)
        expect(log.all.map(({ offender, kind }) => [offender, kind])).toEqual([
          [bob.signer.peerId, 'announcement-equivocation'],
        ])
        await log.close()
      }
    }),
  )

  it('is refused before the node starts when it proves nothing, blames nobody or is about another run', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 3)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      await roundDone(bob, 2)
      expect(await Promise.all([alice.exit, bob.exit])).toEqual([0, 0])
      const proved = await callCli(['ledger', 'prove', 'alice', '--round', '1', '--out', 'entry.car'], folder)
      expect(proved.code, proved.stderr).toBe(0)
      const start = (file: string) =>
        runCli(['node', 'start', '--config', 'alice', '--evidence', file], folder)
      const harmless = await start('entry.car')
      expect(harmless.code).toBe(2)
      expect(harmless.stderr).toContain('which is not a misdeed')
      await cp(join(folder, 'entry.car'), join(folder, 'damaged.car'))
      await appendFile(join(folder, 'damaged.car'), 'x')
      const damaged = await start('damaged.car')
      expect(damaged.code).toBe(6)
      expect(damaged.stderr).toContain('E_NOT_CONVINCING')
      expect((await start('missing.car')).stderr).toContain('missing.car')
      const run = await runOf(folder)
      const other = sealManifest({ ...run.manifest, name: 'another' })
      const identity = await readIdentityFile(join(folder, 'bob', 'identity.key'))
      const elsewhere = await start(await writeProof(folder, other, identity))
      expect(elsewhere.code).toBe(5)
      expect(elsewhere.stderr).toContain('E_WRONG_RUN')
      expect((await callCli(['ledger', 'verify', 'alice', 'bob'], folder)).code).toBe(0)
    }))
})
