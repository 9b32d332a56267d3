import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { randomIdentity, systemClock } from '@tempered/node'
import { startModelHost } from '@tempered/node/ipfs'
import { blobCid, encodeModel } from '@tempered/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import {
  type CliProcess,
  inTemporaryFolder,
  parseJson,
  runCli,
  startCli,
  startProcess,
} from '../support/run-cli.js'

const HELIA = fileURLToPath(new URL('../support/stock-helia.mjs', import.meta.url))
const HOSTILE = fileURLToPath(new URL('../../../node/test/support/hostile-ipfs-peer.mjs', import.meta.url))

/** Seconds that nothing takes unless it hangs. */
const PATIENCE = '600'
const UNKNOWN = blobCid(new Uint8Array([1, 2, 3])).toString()

/** All that `model publish`, or another peer, has printed up to its address, by the first word of a line. */
async function announced(peer: CliProcess): Promise<Record<string, string>> {
  await peer.line('stdout', (line) => (line.startsWith('address ') ? line : undefined))
  return Object.fromEntries(peer.stdout.map((line) => line.split(' ') as [string, string]))
}

async function end(peer: CliProcess): Promise<number | string> {
  peer.child.kill('SIGINT')
  return peer.exit
}

async function withPeer<T>(peer: CliProcess, work: (told: Record<string, string>) => Promise<T>): Promise<T> {
  try {
    return await work(await announced(peer))
  } finally {
    await end(peer)
  }
}

const helia = (args: readonly string[], folder: string) =>
  startProcess(process.execPath, [HELIA, ...args], folder)
const hostile = (how: string, folder: string) => startProcess(process.execPath, [HOSTILE, how], folder)
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** A run of two nodes whose model has a hidden layer of `units`; resolves to the state of one of them. */
async function run(folder: string, name: string, units: number): Promise<string> {
  await writeFile(
    join(folder, `${name}.task.yaml`),
    `task: ${name}
input: { type: image, shape: [28, 28, 1] }
output: { type: class, classes: 10 }
model: { layers: [{ layer: flatten }, { layer: dense, units: ${units}, activation: relu }, { layer: dense, units: 10 }] }
`,
  )
  await writeFile(
    join(folder, `${name}.yaml`),
    `name: ${name}
nodes: 2
rule: average
task: ${name}.task.yaml
training: { rounds: 3, localSteps: 1 }
evaluation: { samples: 50 }
controls: { honest: false, undefended: false, baseline: false }
deadlines: { joinMs: 1000000, collectMs: 1000000, dialMs: 300000, firstByteMs: 300000, transferMs: 600000, reconnectMs: 300000 }
`,
  )
  const ran = await runCli(['scenario', 'run', `${name}.yaml`, '--stage', 'cluster', '--json'], folder)
  expect(ran.code, ran.stderr).toBe(0)
  const { runs } = parseJson(ran.stdout.split('\n').at(-1) ?? '') as { runs: { folder: string }[] }
  return join(runs[0]!.folder, 'nodes/node-00')
}

describe('models by bitswap', () => {
  let folder: string
  let leave: () => void
  let small: string
  let large: string
  beforeAll(async () => {
    folder = await new Promise<string>((resolve) => {
      void inTemporaryFolder(async (path) => {
        resolve(path)
        await new Promise<void>((done) => {
          leave = done
        })
      })
    })
    small = await run(folder, 'small', 16)
    // Over 5 MB, which is more than any implementation takes as one block.
    large = await run(folder, 'large', 1600)
  })
  afterAll(() => leave())

  /** Publishes the model of the second round, which is final, for the time of `work`. */
  const published = <T>(
    state: string,
    work: (told: Record<string, string>, peer: CliProcess) => Promise<T>,
    more: readonly string[] = [],
  ) => {
    const peer = startCli(['model', 'publish', state, '--round', '2', ...more], folder)
    return withPeer(peer, (told) => work(told, peer))
  }
  const fetch = (args: readonly string[]) =>
    callCli(['model', 'fetch', ...args, '--timeout', PATIENCE], folder)
  const modelOf = async (state: string, cid: string) => readFile(join(state, 'blobs', cid))

  describe('that `model publish` serves', () => {
    it('come to stock Helia under the CID of the ledger, and log who took them', () =>
      published(small, async ({ model, file, address }, peer) => {
        expect(file).toBe(model)
        for (const kind of ['raw', 'file']) {
          const out = join(folder, `small-${kind}`)
          expect(await helia(['fetch', address!, kind, model!, out], folder).exit).toBe(0)
          expect((await readFile(out)).equals(await modelOf(small, model!))).toBe(true)
        }
        await peer.line('stderr', (line) =>
          /^sent the model, 50\.9 kB, to 12D3Koo/.test(line) ? line : undefined,
        )
      }))

    it('come to stock Helia as a file of their own CID when they are too large for a block', () =>
      published(large, async ({ model, file, address }, peer) => {
        expect(file).toMatch(/^bafybei/)
        const out = join(folder, 'large-file')
        expect(await helia(['fetch', address!, 'file', file!, out], folder).exit).toBe(0)
        expect((await readFile(out)).equals(await modelOf(large, model!))).toBe(true)
        // What `ipfs add` makes of the same bytes.
        const other = helia(['serve', out], folder)
        await withPeer(other, async (added) => expect(added.file).toBe(file))
        expect(peer.stderr.join('\n')).toMatch(/sent 5\.09 MB of 5\.09 MB of the model to 12D3Koo/)
        expect(peer.stderr.join('\n')).toMatch(/larger than one bitswap block, 2\.10 MB/)
      }))

    it('lie in a folder that stock Helia lists, with the files that Tempered takes from it', () =>
      published(small, async ({ model, folder: cid, address }) => {
        const list = helia(['fetch', address!, 'list', cid!], folder)
        expect(await list.exit).toBe(0)
        const names = ['README.md', model, 'inclusion.car', 'model-card.json'].sort()
        expect(list.stdout.map((line) => line.split(' ')[0])).toEqual(names)
        const taken = await runCli(['model', 'fetch', cid!, '--from', address!, '--out', 'taken'], folder)
        expect(taken.code, taken.stderr).toBe(0)
        expect(taken.stdout).toBe('taken')
        expect(taken.stderr).toMatch(
          /proven: the aggregate of 12D3Koo\w+ after round 2 of run \w+ \("small"\)/,
        )
        expect((await readdir(join(folder, 'taken'))).sort()).toEqual(names)
        const card = JSON.parse(await readFile(join(folder, 'taken/model-card.json'), 'utf8'))
        expect(card).toMatchObject({ model, round: 2, proof: 'inclusion.car', tensors: null })
        expect(await readFile(join(folder, 'taken/README.md'), 'utf8')).toContain(`numpy.fromfile("${model}"`)
        const checked = await callCli(
          ['ledger', 'check', 'taken/inclusion.car', '--run', card.run.id],
          folder,
        )
        expect(checked.code, checked.stderr).toBe(0)
        const measure = ['model', 'eval', 'taken', '--data', 'mnist', '--test', '0.01']
        const measured = await callCli(measure, folder)
        expect(measured.code, measured.stderr).toBe(0)
        expect(measured.stdout).toMatch(/accuracy/)
        const damaged = Buffer.from(await readFile(join(folder, 'taken', model!)))
        damaged[damaged.length - 1]! ^= 1
        await mkdir(join(folder, 'damaged'))
        await writeFile(join(folder, 'damaged', model!), damaged)
        await writeFile(join(folder, 'damaged/model-card.json'), JSON.stringify(card))
        const refused = await callCli(['model', 'eval', 'damaged', '--data', 'mnist'], folder)
        expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/do not have the hash/) })
        // Its name is its hash, so a folder of them is a store of models.
        const reused = [
          'model',
          'export',
          `${small}/ledger.car`,
          '--round',
          '2',
          '--blobs',
          'taken',
          '--out',
          'reused',
        ]
        expect((await callCli(reused, folder)).code).toBe(0)
      }))

    it('are taken by `model fetch` in either size, and by --model and --run only if they match', () =>
      published(large, async ({ model, file, folder: cid, address }) => {
        const from = ['--from', address!]
        const plain = await fetch([file!, ...from, '--model', model!, '--out', 'plain'])
        expect(plain.code, plain.stderr).toBe(0)
        expect((await readFile(join(folder, 'plain'))).equals(await modelOf(large, model!))).toBe(true)
        expect(plain.stderr).toContain(`model ${model}: 1272010 parameters`)
        const refused = [
          [[file!, '--model', UNKNOWN], 3, /E_HASH_MISMATCH: received model/],
          [[cid!, '--model', UNKNOWN], 3, /E_HASH_MISMATCH: received model/],
          [[cid!, '--run', UNKNOWN], 6, /E_NOT_CONVINCING: inclusion.car: belongs to run/],
          [[file!, '--run', UNKNOWN], 6, /E_NOT_CONVINCING: .*comes without a proof/],
          [
            [model!],
            7,
            /E_NOT_FOUND: no connected peer has block \w+; a model larger than 2 MiB is published under another CID/,
          ],
        ] as const
        for (const [args, code, message] of refused) {
          const result = await fetch([...args, ...from, '--out', 'refused'])
          expect(result).toMatchObject({ code, stderr: expect.stringMatching(message) })
          expect(await exists(join(folder, 'refused'))).toBe(false)
        }
      }))

    it('have the peer id of a key file, which is made once, and end with Ctrl-C', async () => {
      const key = ['--key', 'publisher.key']
      const told = await published(small, async (told) => told, key)
      const again = startCli(['model', 'publish', small, '--round', '2', ...key], folder)
      expect((await announced(again)).address!.split('/p2p/')[1]).toBe(told.address!.split('/p2p/')[1])
      expect(await end(again)).toBe(130)
    })

    it('are taken by peers that --bootstrap connects to', async () => {
      const cid = await published(small, async ({ model }) => model!)
      const out = join(folder, 'dialled')
      const other = helia(['wait', cid, out], folder)
      const { address } = await announced(other)
      await published(
        small,
        async (_, peer) => {
          expect(await other.exit).toBe(0)
          expect((await readFile(out)).equals(await modelOf(small, cid))).toBe(true)
          await peer.line('stderr', (line) => (line === `connected to ${address}` ? line : undefined))
          await peer.line('stderr', (line) =>
            line.startsWith('/ip4/127.0.0.1/tcp/1 does not') ? line : undefined,
          )
        },
        ['--bootstrap', '/ip4/127.0.0.1/tcp/1', '--bootstrap', address!],
      )
    })

    it('must be final, unless --unproven says otherwise', async () => {
      await rm(join(folder, 'alone'), { recursive: true, force: true })
      await mkdir(join(folder, 'alone'))
      await writeFile(join(folder, 'alone/ledger.car'), await readFile(join(small, 'ledger.car')))
      const args = ['model', 'publish', 'alone', '--blobs', small]
      const refused = await runCli(args, folder)
      expect(refused).toMatchObject({
        code: 7,
        stdout: '',
        stderr: expect.stringMatching(/E_UNPROVEN: .*not final here/),
      })
      await withPeer(startCli([...args, '--unproven'], folder), async ({ folder: cid, address }) => {
        const taken = await fetch([cid!, '--from', address!, '--out', 'unproven'])
        expect(taken.code, taken.stderr).toBe(0)
        expect(taken.stderr).toContain('there is no proof of where the model comes from')
        const run = await fetch([cid!, '--from', address!, '--out', 'unproven-2', '--run', UNKNOWN])
        expect(run).toMatchObject({
          code: 6,
          stderr: expect.stringMatching(/E_NOT_CONVINCING: inclusion.car: is missing/),
        })
      })
    })
  })

  describe('that stock Helia serves', () => {
    it('are taken as a block, as a file and as a file of many blocks', async () => {
      const models = {
        'tiny.bin': encodeModel(new Float32Array([1, 2, 3])),
        'big.bin': encodeModel(new Float32Array(1_300_000).map((_, k) => k / 3)),
      }
      for (const [name, bytes] of Object.entries(models)) await writeFile(join(folder, name), bytes)
      const peer = helia(['serve', 'tiny.bin', 'big.bin'], folder)
      await withPeer(peer, async ({ address }) => {
        const [tinyRaw, tinyFile, bigRaw, bigFile] = peer.stdout.map((line) => line.split(' ')[1]!)
        expect(tinyFile).toBe(tinyRaw)
        const cases = [
          [tinyRaw!, 'tiny.bin'],
          [bigFile!, 'big.bin'],
        ] as const
        for (const [cid, name] of cases) {
          const taken = await runCli(
            ['model', 'fetch', cid, '--from', address!, '--out', `got-${name}`],
            folder,
          )
          expect(taken.code, taken.stderr).toBe(0)
          expect((await readFile(join(folder, `got-${name}`))).equals(models[name])).toBe(true)
        }
        expect(bigRaw).toBe(blobCid(models['big.bin']).toString())
      })
    })

    it('are refused when they are no models, and leave nothing behind', async () => {
      const cases = {
        'json.bin': [Buffer.from('{"weights": [1, 2, 3]}'), /E_MODEL_HEADER/],
        'nan.bin': [encodeModel(new Float32Array([1, Number.NaN])), /E_NOT_FINITE: .*parameter 1 /],
        'cut.bin': [encodeModel(new Float32Array(8)).subarray(0, -3), /E_MODEL_LENGTH/],
      } as const
      for (const [name, [bytes]] of Object.entries(cases)) await writeFile(join(folder, name), bytes)
      const peer = helia(['serve', ...Object.keys(cases)], folder)
      await withPeer(peer, async ({ address }) => {
        for (const [k, [, message]] of Object.values(cases).entries()) {
          const cid = peer.stdout[2 * k]!.split(' ')[1]!
          const before = await readdir(folder)
          const taken = await fetch([cid, '--from', address!])
          expect(taken).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(message) })
          expect(await readdir(folder)).toEqual(before)
        }
      })
    })
  })

  describe('in folders that others made', () => {
    /** Fetches the folder of the small run's second model with these files beside it. */
    async function takeWith(papers: Readonly<Record<string, Uint8Array>>) {
      const cid = await published(small, async ({ model }) => model!)
      const host = await startModelHost(
        { clock: systemClock },
        {
          identity: randomIdentity(),
          listen: ['/ip4/127.0.0.1/tcp/0'],
          connect: [],
          model: await modelOf(small, cid),
          papers,
        },
      )
      try {
        const taken = await fetch([host.folder, '--from', host.addresses[0]!, '--out', 'others'])
        const left = await readdir(join(folder, 'others')).catch(() => undefined)
        await rm(join(folder, 'others'), { recursive: true, force: true })
        return { ...taken, cid, left }
      } finally {
        await host.stop()
      }
    }

    it('only files with the names of ours are taken', async () => {
      const bytes = Buffer.from('anything')
      const taken = await takeWith({ '../evil': bytes, 'run.sh': bytes, 'README.md': bytes })
      expect(taken.code, taken.stderr).toBe(0)
      expect(taken.stderr).toContain('left out of the folder: "../evil", "run.sh"')
      expect(taken.left).toEqual(['README.md', taken.cid])
      expect(await exists(join(folder, 'evil'))).toBe(false)
    })

    it('proofs must be proofs, and about this model', async () => {
      const proven = await callCli(['ledger', 'prove', small, '--round', '1', '--out', 'first.car'], folder)
      expect(proven.code, proven.stderr).toBe(0)
      for (const [proof, message] of [
        [await readFile(join(folder, 'first.car')), /is about model \w+, but the folder has model/],
        [Buffer.from('no proof'), /E_NOT_CONVINCING: inclusion.car/],
      ] as const) {
        const taken = await takeWith({ 'inclusion.car': proof })
        expect(taken).toMatchObject({ code: 6, stdout: '', left: undefined })
        expect(taken.stderr).toMatch(message)
      }
    })
  })

  describe('from peers that mean no good', () => {
    const HOW = [
      ['wrong-bytes', 3, /E_HASH_MISMATCH: 12D3Koo\w+ sent bytes that do not match/],
      ['garbage', 3, /E_MALFORMED: 12D3Koo\w+ sent an invalid message/],
      ['too-long', 3, /E_TOO_LARGE: 12D3Koo\w+ sent an invalid message: a message of 67108864 bytes/],
      ['endless-length', 3, /E_MALFORMED: 12D3Koo\w+ sent an invalid message/],
      ['hangs-up', 7, /E_NO_CONNECTION: 12D3Koo\w+ closed the connection/],
      ['no-bitswap', 7, /E_STREAM: 12D3Koo\w+ cannot be queried/],
    ] as const
    it.each(sized<readonly (typeof HOW)[number][]>(HOW.slice(0, 1), HOW))(
      '%s: exit code %i',
      (how, code, message) =>
        withPeer(hostile(how, folder), async ({ address }) => {
          const taken = await fetch([UNKNOWN, '--from', address!, '--out', 'poisoned'])
          expect(taken).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
          expect(await exists(join(folder, 'poisoned'))).toBe(false)
        }),
    )

    it('silence ends at the timeout', () =>
      withPeer(hostile('silent', folder), async ({ address }) => {
        const taken = await runCli(['model', 'fetch', UNKNOWN, '--from', address!, '--timeout', '1'], folder)
        expect(taken).toMatchObject({
          code: 7,
          stderr: expect.stringMatching(/E_TIMEOUT: .*sent no block for 1 s/),
        })
      }))

    it('the next peer is asked, whatever the first one sends', () =>
      published(small, ({ model, address }) =>
        withPeer(hostile('wrong-bytes', folder), async (bad) => {
          const from = ['--from', bad.address!, '--from', '/ip4/127.0.0.1/tcp/1', '--from', address!]
          const taken = await fetch([model!, ...from, '--out', 'rescued'])
          expect(taken.code, taken.stderr).toBe(0)
          expect(taken.stderr).toContain('/ip4/127.0.0.1/tcp/1 does not answer')
          expect((await readFile(join(folder, 'rescued'))).equals(await modelOf(small, model!))).toBe(true)
        }),
      ))
  })

  it.each([
    [['no-cid', '--from', '/ip4/127.0.0.1/tcp/1'], 2, /E_BAD_CID: no-cid is not a CID/],
    [
      ['bafyreighueex27kga3rzrkmykfzxwmp22pltplzvxdbvf7grhc4abkznj4', '--from', '/ip4/127.0.0.1/tcp/1'],
      2,
      /E_BAD_CID: .*is the CID of a document/,
    ],
    [[UNKNOWN, '--from', 'localhost:4001'], 2, /must be a TCP multiaddr; write \/dns4\/localhost\/tcp\/4001/],
    [[UNKNOWN, '--from', '/ip4/127.0.0.1/tcp/1/p2p/nobody'], 2, /must be a TCP multiaddr/],
    [[UNKNOWN], 2, /required option '--from <multiaddr>'/],
    [[UNKNOWN, '--from', '/ip4/127.0.0.1/tcp/1', '--timeout', '0'], 2, /--timeout.*whole number from 1/],
    [[UNKNOWN, '--from', '/ip4/127.0.0.1/tcp/1', '--model', 'bafybeib'], 2, /E_BAD_CID/],
    [
      [UNKNOWN, '--from', '/ip4/127.0.0.1/tcp/1', '--model', blobCid(new Uint8Array()).toString()],
      2,
      /E_USAGE: --model/,
    ],
    [[UNKNOWN, '--from', '/ip4/127.0.0.1/tcp/1', '--out', '.'], 2, /E_FILE: \. already exists/],
    [[UNKNOWN, '--from', '/ip4/127.0.0.1/tcp/1'], 7, /E_NO_CONNECTION: no IPFS peer answers at/],
  ])('model fetch %j ends with %i', async (args, code, message) => {
    const result = await callCli(['model', 'fetch', ...args], folder)
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
  })

  it.each([
    [['--listen', '127.0.0.1:4001'], 2, /must be a TCP multiaddr/],
    [['--bootstrap', 'ipfs.example'], 2, /must be a TCP multiaddr/],
    [['--listen', '/ip4/192.0.2.7/tcp/4001'], 7, /E_LISTEN: cannot listen on \/ip4\/192.0.2.7\/tcp\/4001/],
    [['--round', '9'], 2, /E_USAGE/],
    [['--key', 'small.yaml'], 4, /E_KEY/],
  ])('model publish %j ends with %i', async (args, code, message) => {
    const result = await callCli(['model', 'publish', small, ...args], folder)
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
  })
})
