import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEvidenceLog, readLedgerRun } from '@tempered/node'
import { decodeAnnouncement, makeEvidence, type SignedEntry } from '@tempered/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { entriesOf, LIAR, otherStory, recordRun, resign, signerOf } from '../support/recorded-run.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

/** One recorded run for all tests; each works on a copy of what it changes. */
let base: string
let results: string
const stateOf = (name: string, at = results) => join(at, 'nodes', name)
const ledgerOf = (name: string, at = results) => join(stateOf(name, at), 'ledger.car')

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'tempered-test-'))
  results = await recordRun(base)
})
afterAll(() => rm(base, { recursive: true, force: true }))

const ledger = (...args: string[]) => callCli(['ledger', ...args], base)
const linesOf = (stdout: string) => stdout.split('\n').map((line) => parseJson(line)!)

/** Works on a copy of the results. */
const onCopy = (work: (copy: string) => Promise<void>) =>
  inTemporaryFolder(async (folder) => {
    await cp(results, join(folder, 'copy'), { recursive: true })
    await work(join(folder, 'copy'))
  })

/** The file up to and with its entry `last`. */
async function cutAfter(path: string, last: number): Promise<Uint8Array> {
  const file = await readFile(path)
  const { bytes } = (await entriesOf(path))[last]!
  return file.subarray(0, file.indexOf(bytes) + bytes.byteLength)
}

describe('tempered ledger verify', () => {
  it('says how far ledgers are final and catches one that was cut', () =>
    onCopy(async (copy) => {
      const before = await ledger('verify', copy)
      expect(before.code, before.stderr).toBe(0)
      expect(before.stdout.match(/final up to round \d \(more than two thirds/g)).toHaveLength(6)
      await writeFile(ledgerOf('node-02', copy), await cutAfter(ledgerOf('node-02'), 0))
      const after = await ledger('verify', copy)
      expect(after.code).toBe(6)
      expect(after.stdout).toMatch(
        /bad {2}.*node-02.*entry 2: E_ROLLED_BACK: the ledger ends with entry 1,.*at entry \d \(round \d\) is final/,
      )
      // Alone, without the final heads of others and its own, it is a valid ledger of fewer rounds.
      await rm(join(stateOf('node-02', copy), 'finals.cbor'))
      expect((await ledger('verify', stateOf('node-02', copy))).code).toBe(0)
    }))

  it('finds a state folder behind a link and one that the configuration puts elsewhere, each once', () =>
    onCopy(async (copy) => {
      const node = join(copy, 'node')
      await rename(stateOf('node-02', copy), join(copy, 'volume'))
      await rm(join(copy, 'nodes'), { recursive: true })
      await mkdir(node)
      await symlink('../volume', join(node, 'state'))
      const behindLink = await ledger('verify', node)
      expect(behindLink.code, behindLink.stderr).toBe(0)
      expect(behindLink.stdout.match(/^ok/gm)).toHaveLength(1)
      await symlink('..', join(node, 'circle'))
      expect((await ledger('verify', copy)).stdout.match(/^ok/gm)).toHaveLength(1)
      await rm(join(node, 'state'))
      await rm(join(node, 'circle'))
      const config = join(node, 'node.yaml')
      await writeFile(config, 'name: a\nstate: ../volume\nmanifest: { file: manifest.json }\n')
      const elsewhere = await ledger('verify', node)
      expect(elsewhere.code, elsewhere.stderr).toBe(0)
      expect(elsewhere.stdout.match(/^ok/gm)).toHaveLength(1)
      expect((await ledger('verify', copy)).stdout.match(/^ok/gm)).toHaveLength(1)
      // A configuration that cannot be read is named, rather than a folder without a ledger.
      await writeFile(config, 'name: a\nstate: ../volume\nmanifest: { files: manifest.json }\n')
      expect(await ledger('verify', node)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('manifest'),
      })
    }))

  it('exits 6 and names the first bad entry of a damaged ledger', () =>
    onCopy(async (copy) => {
      const path = ledgerOf('node-02', copy)
      const bytes = await readFile(path)
      // A byte in the last entry: everything before it stays good.
      bytes[bytes.byteLength - 100]! ^= 1
      await writeFile(path, bytes)
      const verified = await runCli(['ledger', 'verify', path], base)
      expect(verified.code).toBe(6)
      expect(verified.stdout).toContain('entry 4')
      expect(verified.stdout).toContain('E_HASH_MISMATCH')
      expect(verified.stderr).toContain('E_LEDGER_INVALID')
    }))
})

describe('tempered ledger replay', () => {
  it('names the node that aggregated with another model than it announced, and proves it to others', () =>
    inTemporaryFolder(async (folder) => {
      const proofs = join(folder, 'proofs')
      const replay = await ledger('replay', results, '--proofs', proofs)
      expect(replay.code, replay.stderr).toBe(6)
      expect(replay.stderr).toContain('E_REPLAY_DIFFERS: 4 of 24')
      expect(replay.stdout.match(/^ok +node-0[02345] .*: 4 rounds agree$/gm)).toHaveLength(5)
      expect(replay.stdout).toMatch(/^bad +node-01 .*: 0 rounds agree, 4 differ$/m)
      expect(replay.stdout).toMatch(
        / {5}round 1: neighbours\.\d\.\w+ of node-0\d \(…\w+\): recorded .*, computed/,
      )
      const files = await readdir(proofs)
      expect(files.sort()).toEqual([1, 2, 3, 4].map((round) => `${LIAR}-round-${round}-wrong-aggregate.car`))

      const run = (await readLedgerRun(stateOf(LIAR)))!.id.toString()
      const paths = files.map((file) => join(proofs, file))
      const checked = await ledger('check', ...paths)
      expect(checked.code, checked.stdout).toBe(0)
      expect(checked.stdout).toContain(`it belongs to run ${run}`)
      expect(checked.stdout).toContain(`proves that ${signerOf(1).peerId} signed a round 1`)
      expect((await ledger('check', ...paths, '--run', run)).code).toBe(0)
      const other = await ledger(
        'check',
        paths[0]!,
        '--run',
        'bafyreigw6so7gsei7whlbscgi6qhipgl446jhzqiui65jjnn7if2kehbau',
      )
      expect(other.code).toBe(6)
      expect(other.stdout).toContain(`belongs to run ${run}`)

      // The same again writes nothing; what is there and differs is not written over, and does not convince.
      expect((await ledger('replay', results, '--proofs', proofs)).code).toBe(6)
      const damaged = await readFile(paths[0]!)
      damaged[damaged.byteLength - 1]! ^= 1
      await writeFile(paths[0]!, damaged)
      expect((await ledger('check', ...paths)).code).toBe(6)
      expect((await ledger('replay', results, '--proofs', proofs)).code).toBe(2)
      expect(await readFile(paths[0]!)).toEqual(damaged)
    }))

  it('says what it cannot check for lack of blobs', async () => {
    const alone = await ledger('replay', stateOf('node-00'))
    expect(alone.code).toBe(7)
    expect(alone.stdout).toMatch(
      /part +node-00 .*0 rounds agree, 4 cannot be checked \(round 1–4; \d+ blobs are missing\)/,
    )
    expect((await ledger('replay', stateOf('node-00'), '--allow-missing')).code).toBe(0)
    const helped = await ledger('replay', stateOf('node-00'), '--blobs', results, '--json')
    expect(helped.code, helped.stderr).toBe(0)
    expect(linesOf(helped.stdout)).toMatchObject([
      { type: 'ledger', ok: true, agrees: 4, unproven: [], differences: [] },
    ])
    const one = await ledger('replay', stateOf(LIAR), '--blobs', results, '--round', '2', '--json')
    expect(linesOf(one.stdout)).toMatchObject([{ agrees: 0, differences: [{ round: 1, entry: 1 }] }])
    expect((await ledger('replay', results, '--round', '5')).code).toBe(2)
  })

  it('goes on past a blob that somebody damaged', () =>
    onCopy(async (copy) => {
      const folder = join(stateOf('node-00', copy), 'blobs')
      for (const name of await readdir(folder)) await writeFile(join(folder, name), 'junk')
      const replay = await ledger('replay', copy, '--blobs', results)
      expect(replay.code).toBe(6)
      expect(replay.stderr).toContain('does not match its name')
      expect(replay.stdout).toMatch(/^bad +node-01 .*4 differ$/m)
    }))

  it('names who told two stories, from evidence files and from ledgers put side by side', () =>
    onCopy(async (copy) => {
      const [first] = (await entriesOf(ledgerOf('node-03'))) as [SignedEntry]
      const lie = otherStory(first.body.announcement, signerOf(3))
      const run = (await readLedgerRun(stateOf('node-03')))!
      const log = await openEvidenceLog(join(stateOf('node-00', copy), 'evidence.car'), run)
      await log.record(makeEvidence(decodeAnnouncement(first.body.announcement), lie))
      await log.close()
      const proofs = join(copy, 'proofs')
      const replay = await ledger('replay', copy, '--proofs', proofs)
      expect(replay.code).toBe(6)
      expect(replay.stdout).toMatch(
        /^proven node-03 .* announced two models for round 1: .*; evidence is held by node-00$/m,
      )
      const proof = join(proofs, 'node-03-round-1-announcement-equivocation.car')
      const checked = await ledger('check', proof, '--json')
      expect(linesOf(checked.stdout)).toMatchObject([
        { ok: true, kind: 'announcement-equivocation', offender: signerOf(3).peerId, round: 0 },
      ])
    }))
})

describe('tempered ledger diff', () => {
  it('finds no contradiction between honest nodes', async () => {
    expect((await ledger('diff', stateOf('node-00'), stateOf('node-02'))).code).toBe(0)
  })

  it('finds who told one node another model than it wrote down itself', () =>
    onCopy(async (copy) => {
      const [first] = (await entriesOf(ledgerOf('node-00'))) as [SignedEntry]
      const victim = first.body.neighbours[0]!
      const index = [0, 1, 2, 3, 4, 5].find((k) => signerOf(k).peerId === victim.peer)!
      const lie = otherStory(victim.announcement!, signerOf(index)).bytes
      const neighbours = [{ ...victim, announcement: lie }, ...first.body.neighbours.slice(1)]
      const told = resign(first, { neighbours }, signerOf(0))
      const file = Buffer.from(await cutAfter(ledgerOf('node-00'), 0))
      const prefix = file.subarray(0, file.byteLength - first.bytes.byteLength - first.cid.bytes.byteLength)
      expect(told.bytes.byteLength).toBe(first.bytes.byteLength)
      await writeFile(ledgerOf('node-00', copy), Buffer.concat([prefix, told.cid.bytes, told.bytes]))
      await rm(join(stateOf('node-00', copy), 'finals.cbor'))

      const name = `node-0${index}`
      const diff = await ledger('diff', stateOf('node-00', copy), stateOf(name, copy))
      expect(diff.code, diff.stderr).toBe(6)
      expect(diff.stdout).toMatch(
        new RegExp(
          `^contradiction ${name} .* announced two models for round 1: .*according to node-00.*according to ${name}`,
          'm',
        ),
      )
      const replay = await ledger('replay', stateOf('node-00', copy), stateOf(name, copy))
      expect(replay.stdout).toMatch(
        new RegExp(`^proven ${name} .*the ledgers of node-00, ${name} show it$`, 'm'),
      )
    }))
})

describe('two copies of one ledger that differ', () => {
  it('are a contradiction, and make a proof that convinces by itself', () =>
    onCopy(async (copy) => {
      const [first] = (await entriesOf(ledgerOf('node-04'))) as [SignedEntry]
      const other = resign(
        first,
        { clock: { ...first.body.clock, wallMs: first.body.clock.wallMs + 1 } },
        signerOf(4),
      )
      const file = Buffer.from(await cutAfter(ledgerOf('node-04'), 0))
      const prefix = file.subarray(0, file.byteLength - first.bytes.byteLength - first.cid.bytes.byteLength)
      expect(other.bytes.byteLength).toBe(first.bytes.byteLength)
      await writeFile(ledgerOf('node-04', copy), Buffer.concat([prefix, other.cid.bytes, other.bytes]))
      await rm(join(stateOf('node-04', copy), 'finals.cbor'))

      const both = [stateOf('node-04'), stateOf('node-04', copy)]
      const diff = await ledger('diff', ...both)
      expect(diff.code).toBe(6)
      expect(diff.stdout).toMatch(/^contradiction node-04 .* signed two different entries 1: /m)
      const proofs = join(copy, 'proofs')
      expect((await ledger('replay', ...both, '--proofs', proofs)).code).toBe(6)
      const [name] = await readdir(proofs)
      expect(name).toBe('node-04-round-1-entry-equivocation.car')
      const checked = await ledger('check', join(proofs, name!))
      expect(checked.code, checked.stdout).toBe(0)
      expect(checked.stdout).toContain(
        `proves that ${signerOf(4).peerId} signed two different entries 1 of its ledger`,
      )
    }))
})

describe('tempered ledger prove', () => {
  it('makes a proof that convinces offline, and never writes over one', () =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, 'proof.car')
      const args = ['prove', stateOf('node-00'), '--round', '1', '--finals', results, '--out', out]
      const proved = await ledger(...args)
      expect(proved.code, proved.stderr).toBe(0)
      expect(proved.stdout).toBe(out)
      const checked = await ledger('check', out)
      expect(checked.code).toBe(0)
      expect(checked.stdout).toContain(
        `the entry of round 1 (${(await entriesOf(ledgerOf('node-00')))[0]!.cid})`,
      )
      expect(checked.stdout).toContain(`signed by ${signerOf(0).peerId}`)
      expect((await ledger(...args)).code).toBe(2)
      expect((await ledger('check', 'missing.car')).code).toBe(2)
    }))

  it('shows that a ledger was not rewritten since an earlier proof, and nothing when it was', () =>
    inTemporaryFolder(async (folder) => {
      const [earlier, later] = [join(folder, 'earlier.car'), join(folder, 'later.car')]
      const prove = (...args: string[]) => ledger('prove', stateOf('node-00'), '--finals', results, ...args)
      expect((await prove('--round', '1', '--out', earlier)).code).toBe(0)
      const proved = await prove('--since', earlier, '--out', later)
      expect(proved.code, proved.stderr).toBe(0)
      const checked = await ledger('check', later)
      expect(checked.code, checked.stdout).toBe(0)
      expect(checked.stdout).toContain(`proves that the ledger of ${signerOf(0).peerId}, final up to round`)
      expect((await ledger('prove', stateOf('node-02'), '--since', earlier)).code).toBe(2)
      expect((await prove('--since', later)).code).toBe(2)
      expect((await prove()).code).toBe(2)
    }))

  it('says when no final head is above the entry', () =>
    onCopy(async (copy) => {
      await rm(join(stateOf('node-00', copy), 'finals.cbor'))
      const proved = await ledger('prove', stateOf('node-00', copy), '--round', '1')
      expect(proved.code).toBe(7)
      expect(proved.stderr).toContain('no final head')
    }))
})

describe('tempered ledger explain', () => {
  it('tells score, threshold, layers and what would have been', async () => {
    const [first] = (await entriesOf(ledgerOf('node-00'))) as [SignedEntry]
    const { peer } = first.body.neighbours[0]!
    const args = ['explain', stateOf('node-00'), '--round', '1', '--peer', peer.slice(-8)]
    const alone = await ledger(...args)
    expect(alone.code, alone.stderr).toBe(0)
    expect(alone.stdout).toContain('models are missing')
    expect((await ledger(...args, '--data', 'mnist')).code).toBe(7)
    const text = await ledger(...args, '--blobs', results, '--data', 'mnist')
    expect(text.code, text.stderr).toBe(0)
    for (const part of [
      'bit for bit',
      '0.kernel',
      '10×784',
      'without it',
      'plain weight',
      'test samples of mnist',
    ])
      expect(text.stdout).toContain(part)
    const json = parseJson((await ledger(...args, '--blobs', results, '--json')).stdout)!
    expect(json).toMatchObject({ peer, round: 0, replay: { status: 'agrees' } })
    const { distance, layers } = json.models as { distance: number; layers: { squaredDistance: number }[] }
    // BALANCE's score is the distance between the two models.
    expect(distance).toBeCloseTo(json.score as number, 3)
    expect(Math.sqrt(layers.reduce((sum, layer) => sum + layer.squaredDistance, 0))).toBeCloseTo(distance)
    expect((await ledger('explain', stateOf('node-00'), '--round', '1', '--peer', 'nobody')).code).toBe(2)
  })
})

describe('tempered ledger export and show', () => {
  it('writes what other tools read', () =>
    inTemporaryFolder(async (folder) => {
      const ndjson = await ledger('export', stateOf('node-00'), '--format', 'ndjson')
      expect(linesOf(ndjson.stdout)).toHaveLength(5)
      const car = join(folder, 'node-00.car')
      expect((await ledger('export', stateOf('node-00'), '--format', 'car', '--out', car)).code).toBe(0)
      expect(await readFile(car)).toEqual(await readFile(ledgerOf('node-00')))
      expect((await ledger('export', stateOf('node-00'), '--format', 'car', '--out', car)).code).toBe(2)
      expect((await ledger('export', stateOf('node-00'), '--format', 'ndjson', '--blobs')).code).toBe(2)
      const all = await ledger(
        'export',
        stateOf('node-00'),
        '--format',
        'car',
        '--blobs-from',
        results,
        '--out',
        join(folder, 'all.car'),
      )
      expect(all.stderr).toMatch(/^\d+ blobs; 0 that entries name are not available$/m)
    }))

  it('shows rounds and refuses one that the run does not have', async () => {
    const missing = await ledger('show', stateOf('node-00'), '--round', '5')
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('the run has 4 rounds')
    const [entry] = linesOf((await ledger('show', stateOf('node-00'), '--round', '2', '--json')).stdout)
    expect(entry).toMatchObject({
      round: 1,
      start: expect.stringMatching(/^bafkrei/),
      model: expect.stringMatching(/^bafkrei/),
    })
  })
})
