import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { configure, listening, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder } from '../support/run-cli.js'

/** A table of two kinds of points that a line tells apart. */
function points(rows: number): string {
  const lines = Array.from({ length: rows }, (_, k) => {
    const kind = k % 2
    const [x, y] = [(((k * 37) % 100) / 100) * 2 - 1, (((k * 61) % 100) / 100) * 2 - 1]
    return `${(x + (kind ? 1.5 : -1.5)).toFixed(2)},${y.toFixed(2)},${k % 5 ? 'red' : 'blue'},${kind ? 'right' : 'left'}`
  })
  return `x,y,colour,side\n${lines.join('\n')}\n`
}

const INIT = ['task', 'init', '--data', 'points.csv', '--target', 'side', '--model', 'softmax']

/** `model eval` measures what is named, and says what that was. */
async function checkMeasured(folder: string): Promise<void> {
  await mkdir(join(folder, 'both'))
  await writeFile(join(folder, 'both', 'train.csv'), points(30))
  await writeFile(join(folder, 'both', 'test.csv'), points(10))
  const evaluate = async (...args: string[]) => {
    const { code, stdout, stderr } = await callCli(['model', 'eval', 'alice', ...args], folder)
    expect(code, stderr).toBe(0)
    return stdout
  }
  expect(await evaluate('--data', 'points.csv')).toMatch(/on all 80 samples of points\.csv\n.*samples +80$/s)
  expect(await evaluate('--data', 'points.csv', '--test', '0.25')).toMatch(
    /on a share of 0\.25 of points\.csv, 20 samples\n.*samples +20$/s,
  )
  expect(await evaluate('--data', 'both')).toMatch(/on the 10 test samples of both\n/)
  expect(await evaluate('--data', 'points.csv', '--test', 'both')).toMatch(/on the 10 test samples of both\n/)
  expect(await evaluate('--data', 'both', '--test', 'points.csv')).toMatch(
    /on all 80 samples of points\.csv\n/,
  )
  expect(JSON.parse(await evaluate('--data', 'points.csv', '--json'))).toMatchObject({
    data: 'points.csv',
    part: 'all',
    samples: 80,
  })
  const none = await callCli(['model', 'eval', 'alice', '--data', 'none/points.csv'], folder)
  expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('has no sample to measure') })
}

async function checkPredicted(folder: string): Promise<void> {
  const { stdout } = await callCli(['model', 'predict', 'alice', '--data', 'points.csv'], folder)
  const { label, probabilities } = JSON.parse(stdout.split('\n', 1)[0] as string)
  expect(Object.keys(probabilities)).toEqual(['left', 'right'])
  expect(probabilities[label]).toBeGreaterThanOrEqual(0.5)
  // Results are matched to rows by line, whatever is left out.
  const [header, first, second, third] = (await readFile(join(folder, 'points.csv'), 'utf8')).split('\n')
  await writeFile(join(folder, 'gaps.csv'), `${header}\n${first}\n\n${second}\n${third}\n`)
  const gaps = await callCli(['model', 'predict', 'alice', '--data', 'gaps.csv'], folder)
  const places = gaps.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text))
  expect(places.map(({ sample, line }) => [sample, line])).toEqual([
    [1, 2],
    [2, 4],
    [3, 5],
  ])
}

/** The card names the tensors of its file, and the next run begins with every format that can be read. */
async function checkTakenOut(folder: string, create: readonly string[]): Promise<void> {
  const initial: Buffer[] = []
  for (const format of ['safetensors', 'npz', 'tfjs', 'onnx']) {
    const out = await callCli(['model', 'export', 'alice', '--format', format, '--out', format], folder)
    expect(out.code, out.stderr).toBe(0)
    const card = await readFile(join(folder, format, 'README.md'), 'utf8')
    const isNamed = format === 'safetensors' || format === 'npz'
    expect(card.includes('| `0.weight` | 2×4 |'), format).toBe(isNamed)
    const made = await callCli([...create, '--initial', format, '--out', 'next.json'], folder)
    if (format === 'onnx') {
      expect(made.code).toBe(3)
      expect(made.stderr).toContain('ONNX is written but not read; export the model as safetensors')
      continue
    }
    expect(made.code, made.stderr).toBe(0)
    initial.push(await readFile(join(folder, 'next.initial')))
  }
  for (const other of initial) expect(other).toEqual(initial[0])
}

describe('own tables', () => {
  it('go from a file to a run: inspect, init, check, simulate, manifest', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(80))
      const inspected = await callCli(['data', 'inspect', 'points.csv', '--json'], folder)
      expect(JSON.parse(inspected.stdout)).toMatchObject({
        format: 'csv',
        train: { rows: 80, columns: [{ name: 'x', type: 'number' }, {}, { type: 'category' }, {}] },
      })
      expect((await callCli(INIT, folder)).stderr).toContain('wrote task.yaml: class from 4 numbers')
      expect(await readFile(join(folder, 'task.yaml'), 'utf8')).toContain('classes: [left, right]')
      const checked = await callCli(['task', 'check', 'task.yaml', '--data', 'points.csv'], folder)
      expect(checked.code).toBe(0)
      expect(checked.stdout).toMatch(/parameters {2}10\n/)
      expect(checked.stdout).toContain('64 training samples and 16 test samples of 4 numbers')
      await writeFile(
        join(folder, 's.yaml'),
        `name: own
nodes: 3
topology: complete
task: task.yaml
rule: average
data: { source: points.csv, split: { kind: iid } }
training: { rounds: 4, localSteps: 10 }
assertions: [attacked.meanHonestAccuracy >= 0.9]
`,
      )
      const run = await callCli(['scenario', 'run', 's.yaml', '--stage', 'simulate'], folder)
      expect(run.code, run.stderr + run.stdout).toBe(0)
      expect(run.stderr).toContain('has no test samples: 16 of its 80 are kept for tests')
    }))

  it('are a task of the manifest, for a node with samples and one that only relays', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(80))
      await mkdir(join(folder, 'none'))
      await writeFile(join(folder, 'none', 'points.csv'), points(0).split('\n', 1)[0] as string)
      await callCli(INIT, folder)
      for (const name of ['alice', 'bob'])
        await callCli(['node', 'init', name, '--listen', '/ip4/127.0.0.1/tcp/0'], folder)
      const create = [
        'manifest',
        'create',
        '--task',
        'task.yaml',
        '--data',
        'points.csv',
        '--rule',
        'average',
      ]
      const made = await callCli([...create, '--member', 'alice', '--member', 'bob', '--rounds', '2'], folder)
      expect(made.code, made.stderr).toBe(0)
      const { task } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
      expect(task).toMatchObject({ output: { type: 'class', column: 'side', classes: ['left', 'right'] } })
      await configure(folder, 'alice', 'source: mnist', 'source: ../points.csv')
      await configure(folder, 'bob', 'source: mnist', 'source: ../none')
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit]), bob.stderr.join('\n')).toEqual([0, 0])
      expect(bob.stderr.join('\n')).toContain('has no rows, so it gives no samples')
      expect((await callCli(['ledger', 'verify', 'alice', 'bob'], folder)).code).toBe(0)
      await checkMeasured(folder)
      await checkPredicted(folder)
      await checkTakenOut(folder, [...create, '--member', 'alice', '--member', 'bob', '--force'])
    }))

  it('are dealt to folders that nodes can name', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(40))
      await callCli(INIT, folder)
      const split = ['data', 'split', 'points.csv', '--nodes', '2', '--out', 'parts']
      const dealt = await callCli(
        [...split, '--scheme', 'label-groups', '--h', '1', '--label', 'side'],
        folder,
      )
      expect(dealt.stdout).toMatch(/part-0 +20 +20 +0\npart-1 +20 +0 +20/)
      expect((await callCli(['task', 'check', 'task.yaml', '--data', 'parts/part-1'], folder)).code).toBe(0)
      expect((await callCli(split, folder)).stderr).toContain('parts already exists')
      expect(await callCli([...split.slice(0, -1), 'p', '--scheme', 'dirichlet'], folder)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('needs --alpha'),
      })
    }))
})

describe('tasks', () => {
  it('pass their own check, for every kind of data', () =>
    inTemporaryFolder(async (folder) => {
      const texts = ['a longer text', 'and another one', 'and a third', 'the last of them']
      await writeFile(
        join(folder, 'texts.jsonl'),
        texts.map((text) => `${JSON.stringify({ text })}\n`).join(''),
      )
      await writeFile(
        join(folder, 'numbers.csv'),
        `a,y\n${Array.from({ length: 30 }, (_, k) => `${k},${k / 2}\n`).join('')}`,
      )
      const labelled = texts.map((text, k) => JSON.stringify({ text, label: k % 2 }))
      await writeFile(join(folder, 'labelled.jsonl'), labelled.join('\n'))
      for (const [options, kind] of [
        [[], 'class'],
        [['--data', 'mnist', '--statistics', 'own'], 'class'],
        [['--data', 'texts.jsonl'], 'next-token'],
        [['--data', 'numbers.csv', '--statistics', 'own'], 'number'],
        [['--data', 'labelled.jsonl', '--model', 'layers'], 'class'],
      ] as const) {
        const made = await callCli(['task', 'init', '--force', ...options], folder)
        expect(made.stderr, options.join(' ')).toContain(`wrote task.yaml: ${kind}`)
        const checked = await callCli(['task', 'check', 'task.yaml', '--json'], folder)
        expect(JSON.parse(checked.stdout).task.output.type).toBe(kind)
      }
    }))

  it.each([
    [
      'classes: [left, right]',
      'classes: [left]',
      /task\.yaml:\d+:\d+: output\.classes: must have at least 2/,
    ],
    ['metrics: [accuracy]', 'metrics: [mae]', /task\.yaml:\d+:\d+: metrics: mae is not defined/],
    ['model: softmax', 'model: cnn', /task\.yaml:\d+:\d+: model: .*needs images/],
    [
      'model: softmax',
      'model: { layers: [{ layer: dense, units: 5 }] }',
      /task\.yaml:\d+:\d+: model.*needs \[2\]/,
    ],
    ['type: table', 'tipe: table', /task\.yaml:\d+:\d+: /],
  ])('are refused with their place: %s as %s', (from, to, message) =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(20))
      await callCli(INIT, folder)
      const text = await readFile(join(folder, 'task.yaml'), 'utf8')
      await writeFile(join(folder, 'task.yaml'), text.replace(from, to))
      expect(await callCli(['task', 'check', 'task.yaml'], folder)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(message),
      })
    }),
  )

  it.each([
    [['--target', 'sides'], /has no such column; did you mean "side"/],
    [['--model', 'perceptron'], /choose from softmax, mlp/],
    [['--target', 'side', '--model', 'cnn'], /needs images/],
    [['--data', 'one.csv', '--target', 'side'], /value left alone/],
  ])('are not written when they cannot work: %s', (options, message) =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(20))
      await writeFile(join(folder, 'one.csv'), 'x,side\n1,left\n2,left\n')
      const made = await callCli(['task', 'init', '--data', 'points.csv', ...options], folder)
      expect(made).toMatchObject({ code: 2, stderr: expect.stringMatching(message) })
      await expect(access(join(folder, 'task.yaml'))).rejects.toThrow()
    }),
  )
})

describe('bad data', () => {
  it.each([
    ['nowhere.csv', undefined, 'E_DATA_NOT_FOUND'],
    ['empty.csv', '', 'E_DATA_EMPTY'],
    ['wide.csv', 'a,b\n1,2,3\n', 'E_DATA_FORMAT'],
    ['notes.txt', 'only words', 'E_DATA_UNKNOWN'],
    ['bad.parquet', 'PAR1 and nothing else', 'E_DATA_FORMAT'],
    ['bad.npz', 'PK', 'E_DATA_FORMAT'],
    ['twice.csv', 'a,a\n1,2\n', 'E_DATA_COLUMN'],
  ])('ends data inspect with 3: %s', (name, text, code) =>
    inTemporaryFolder(async (folder) => {
      if (text !== undefined) await writeFile(join(folder, name), text)
      const inspected = await callCli(['data', 'inspect', name], folder)
      expect(inspected).toMatchObject({ code: 3, stderr: expect.stringContaining(`${code}: ${name}`) })
    }),
  )

  it('ends task check with 3 and the line', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(20))
      await callCli(INIT, folder)
      await writeFile(join(folder, 'bad.csv'), `${points(3)}many,0,red,left\n`)
      const checked = await callCli(['task', 'check', 'task.yaml', '--data', 'bad.csv'], folder)
      expect(checked).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('bad.csv:5: column "x" has "many"'),
      })
    }))

  it('that a node.yaml names is found from its line', () =>
    inTemporaryFolder(async (folder) => {
      await callCli(['node', 'init', 'alice'], folder)
      const start = () => callCli(['node', 'start', '--config', 'alice'], folder)
      const lineOf = async (text: string) =>
        (await readFile(join(folder, 'alice/node.yaml'), 'utf8'))
          .split('\n')
          .findIndex((line) => line.includes(text)) + 1
      const named = async (text: string) =>
        new RegExp(`\\(named at alice/node\\.yaml:${await lineOf(text)}:\\d+, `)
      expect((await start()).stderr).toMatch(await named('file: ../manifest.json'))
      await writeFile(join(folder, 'points.csv'), points(20))
      await callCli(INIT, folder)
      await callCli(
        ['manifest', 'create', '--task', 'task.yaml', '--member', 'alice', '--out', 'manifest.json'],
        folder,
      )
      const config = join(folder, 'alice/node.yaml')
      const text = await readFile(config, 'utf8')
      await writeFile(config, text.replace(/^data:\n( .*\n)+/m, 'data:\n  source: ../poinst.csv\n'))
      const started = await start()
      expect(started).toMatchObject({ code: 3, stderr: expect.stringMatching(await named('poinst.csv')) })
      const good = text.replace(/^data:\n( .*\n)+/m, 'data:\n  source: ../points.csv\n')
      for (const [from, to, code] of [
        ['state: state', 'state: ../points.csv', 7],
        ['- /ip4/0.0.0.0/tcp/4001', '- /ip4/203.0.113.5/tcp/4001', 7],
      ] as const) {
        expect(good).toContain(from)
        await writeFile(config, good.replace(from, to))
        const refused = await start()
        expect(refused).toMatchObject({ code, stderr: expect.stringMatching(await named(to)) })
      }
    }))

  it('that says little is told by task check', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'points.csv'), points(20))
      await callCli(INIT, folder)
      const check = async (rows: string) => {
        await writeFile(join(folder, 'few.csv'), rows)
        return callCli(['task', 'check', 'task.yaml', '--data', 'few.csv'], folder)
      }
      const [header] = points(1).split('\n')
      const none = await check(`${header}\n`)
      expect(none).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('there is no training sample: a node'),
      })
      const one = await check(`${header}\n${'1,0,red,left\n'.repeat(20)}`)
      expect(one).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('nearly all samples are of one class'),
      })
    }))
})
