import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../test-support/python.js'
import { callCli } from '../support/call-cli.js'
import { configure, initNodes, listening, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

const TRAINER = fileURLToPath(new URL('../../../train/test/support/own-model-trainer.py', import.meta.url))
const python = pythonWith()

const DIGITS = `task: digits
input: { type: image, shape: [28, 28, 1] }
output: { type: class, classes: 10 }
`

/** A model.json of 28×28 images to ten classes, by a dense layer of eight units; all weights differ. */
async function writeModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const weights = [
    { name: 'hidden/kernel', shape: [784, 8] },
    { name: 'hidden/bias', shape: [8] },
    { name: 'out/kernel', shape: [8, 10] },
    { name: 'out/bias', shape: [10] },
  ].map((weight) => ({ ...weight, dtype: 'float32' }))
  const dense = (name: string, units: number, activation: string) => ({
    class_name: 'Dense',
    config: { name, units, activation, use_bias: true },
  })
  const layers = [
    { class_name: 'InputLayer', config: { name: 'in', batch_shape: [null, 28, 28, 1] } },
    { class_name: 'Flatten', config: { name: 'flatten' } },
    dense('hidden', 8, 'relu'),
    dense('out', 10, 'softmax'),
  ]
  const numbers = Float32Array.from({ length: 784 * 8 + 98 }, (_, k) => 0.1 * Math.sin(k))
  await writeFile(join(folder, 'weights.bin'), new Uint8Array(numbers.buffer))
  await writeFile(
    join(folder, 'model.json'),
    JSON.stringify({
      format: 'layers-model',
      modelTopology: { model_config: { class_name: 'Sequential', config: { name: 'net', layers } } },
      weightsManifest: [{ paths: ['weights.bin'], weights }],
    }),
  )
}

const lastLoss = (stdout: readonly string[]) =>
  stdout.flatMap((line) =>
    typeof parseJson(line)?.testLoss === 'number' ? [parseJson(line)!.testLoss] : [],
  ) as number[]

describe('a run that begins with the weights of a model.json', () => {
  it('is joined by a node that fetches them; ledgers replay, and the next run begins where it ended', () =>
    inTemporaryFolder(async (folder) => {
      await writeModel(join(folder, 'net'))
      await writeFile(join(folder, 'task.yaml'), `${DIGITS}model: { layersModel: net/model.json }\n`)
      await initNodes(folder, ['alice', 'bob', 'carol'], 1)
      const create = 'manifest create --force --rule median --local-steps 2 --task task.yaml'.split(' ')
      const members = ['alice', 'bob', 'carol'].flatMap((name) => ['--member', name])
      const made = await callCli([...create, ...members, '--rounds', '2'], folder)
      expect(made.code, made.stderr).toBe(0)
      // Neither the model nor the file beside the manifest has to be there for the others.
      await rm(join(folder, 'net'), { recursive: true })
      await mkdir(join(folder, 'elsewhere'))
      await copyFile(join(folder, 'manifest.json'), join(folder, 'elsewhere/manifest.json'))
      const alice = startNode(folder, 'alice')
      const address = await listening(alice)
      await setBootstrap(folder, 'bob', address)
      await configure(folder, 'bob', '../manifest.json', '../elsewhere/manifest.json')
      await setBootstrap(folder, 'carol', address)
      await configure(folder, 'carol', /file: .*manifest.json/, `peer: ${address}`)
      const bob = startNode(folder, 'bob')
      const carol = startNode(folder, 'carol')
      const ended = await Promise.all([alice.exit, bob.exit, carol.exit])
      expect(ended, [...bob.stderr, ...carol.stderr].join('\n')).toEqual([0, 0, 0])
      for (const node of [bob, carol])
        expect(node.stderr.join('\n')).toContain('fetching the model that the run begins with')
      const replayed = await callCli(['ledger', 'replay', 'alice', 'bob', 'carol'], folder)
      expect(replayed.code, replayed.stderr).toBe(0)

      await writeFile(
        join(folder, 'layers.yaml'),
        `${DIGITS}model: { layers: [{ layer: flatten }, { layer: dense, name: hidden, units: 8, activation: relu }, { layer: dense, name: out, units: 10 }] }\n`,
      )
      const next = ['manifest', 'create', '--member', 'alice', '--task', 'layers.yaml']
      await callCli(['model', 'export', 'alice', '--out', 'exported'], folder)
      for (const [name, given] of [
        ['a', 'alice'],
        ['b', 'exported'],
        ['c', 'exported/model.safetensors'],
      ] as const)
        expect((await callCli([...next, '--initial', given, '--out', `${name}.json`], folder)).code).toBe(0)
      const ends = await Promise.all(['a', 'b', 'c'].map((name) => readFile(join(folder, `${name}.initial`))))
      expect(ends[1]).toEqual(ends[0])
      expect(ends[2]).toEqual(ends[0])
      const earlier = [...next, '--initial', 'alice', '--initial-round', '1', '--out', 'd.json']
      expect((await callCli(earlier, folder)).code).toBe(0)
      expect(await readFile(join(folder, 'd.initial'))).not.toEqual(ends[0])
      const other = await callCli([...next.slice(0, 4), '--initial', 'alice', '--out', 'e.json'], folder)
      expect(other.code).toBe(3)
      expect(other.stderr).toMatch(
        /tensor 0 is hidden.kernel \[8, 784\], but the run's model has 0.kernel \[128, 784\]/,
      )
    }))

  it('a node that has neither the file nor an address says where to put it', () =>
    inTemporaryFolder(async (folder) => {
      await writeModel(join(folder, 'net'))
      await initNodes(folder, ['alice'], 1)
      await writeFile(join(folder, 'task.yaml'), `${DIGITS}model: { layersModel: net/model.json }\n`)
      const create = 'manifest create --force --member alice --rule average --task task.yaml'.split(' ')
      expect((await callCli(create, folder)).code).toBe(0)
      const whole = await readFile(join(folder, 'manifest.initial'))
      await rm(join(folder, 'manifest.initial'))
      const without = startNode(folder, 'alice')
      expect(await without.exit).toBe(5)
      expect(without.stderr.join('\n')).toMatch(/E_INITIAL_PARAMETERS.*Copy the file manifest.initial/)
      await writeFile(join(folder, 'manifest.initial'), whole.subarray(0, -4))
      const cut = startNode(folder, 'alice')
      expect(await cut.exit).toBe(5)
      expect(cut.stderr.join('\n')).toMatch(/manifest.initial: is model bafk.*but the run begins with/)
    }))

  it('is simulated and runs in a cluster', () =>
    inTemporaryFolder(async (folder) => {
      await writeModel(join(folder, 'net'))
      await writeFile(join(folder, 'task.yaml'), `${DIGITS}model: { layersModel: net/model.json }\n`)
      const text =
        'nodes: 3\nrule: median\ntraining: { rounds: 2, localSteps: 2 }\ncontrols: { honest: false, undefended: false, baseline: false }\n'
      await writeFile(join(folder, 'drawn.yaml'), `name: drawn\ntask: task.yaml\n${text}`)
      for (const stage of ['simulate', 'cluster']) {
        const run = await callCli(
          ['scenario', 'run', 'drawn.yaml', '--stage', stage, '--out', stage, '--json'],
          folder,
        )
        expect(run.code, run.stderr).toBe(0)
      }
      const hosts = await callCli(
        ['scenario', 'run', 'drawn.yaml', '--stage', 'hosts', '--out', 'out'],
        folder,
      )
      expect(hosts.code, hosts.stderr).toBe(0)
      const written = await readdir(join(folder, 'out/drawn-hosts'))
      expect(written).toContain('compose.yaml')
      expect(await readFile(join(folder, 'out/drawn-hosts/kubernetes.yaml'), 'utf8')).toContain(
        'initial-part-00',
      )
      expect(await readdir(join(folder, 'out/drawn-hosts/hosts/node-00'))).toContain('manifest.initial')
      const broken = `name: broken\ninitial: net/gone.npz\nmodel: mlp\n${text}`
      await writeFile(join(folder, 'broken.yaml'), broken)
      const refused = await callCli(['scenario', 'validate', 'broken.yaml'], folder)
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('gone.npz')
    }))
})

describe('a scenario that begins where a node has ended', () => {
  it('takes the last aggregate of its ledger, and refuses a state without it', () =>
    inTemporaryFolder(async (folder) => {
      const text =
        'nodes: 2\nmodel: softmax\ntraining: { rounds: 1, localSteps: 2 }\ncontrols: { honest: false, undefended: false, baseline: false }\n'
      await writeFile(join(folder, 'first.yaml'), text)
      const first = await callCli(['scenario', 'run', 'first.yaml', '--stage', 'cluster', '--json'], folder)
      const { runs } = parseJson(first.stdout.trim().split('\n').at(-1) ?? '') as {
        runs: { folder: string }[]
      }
      const state = join(runs[0]!.folder, 'nodes/node-00')
      await writeFile(join(folder, 'next.yaml'), `${text}initial: ${state}\n`)
      const next = await callCli(['scenario', 'run', 'next.yaml', '--stage', 'simulate', '--json'], folder)
      expect(next.code, next.stderr).toBe(0)
      const last = parseJson(next.stdout.trim().split('\n').at(-1) ?? '') as typeof first & {
        runs: typeof runs
      }
      const manifest = JSON.parse(await readFile(join(last.runs[0]!.folder, 'manifest.json'), 'utf8'))
      expect(await readdir(join(state, 'blobs'))).toContain(manifest.model.initialCid)

      await rm(join(state, 'blobs'), { recursive: true })
      const validated = await callCli(['scenario', 'validate', 'next.yaml'], folder)
      expect(validated.code).toBe(7)
      expect(validated.stderr).toMatch(
        /E_UNPROVEN: .*the model of round 1 is not on disk.*put it into .*blobs/,
      )
      const measured = await callCli(['model', 'eval', state, '--data', 'mnist'], folder)
      expect(measured.code).toBe(7)
      expect(measured.stderr).toMatch(/E_UNPROVEN: .*not on disk.*--blobs/)
    }))
})

describe('a task that comes from elsewhere', () => {
  it('is written from a model.json by task init, and checked with its weights', () =>
    inTemporaryFolder(async (folder) => {
      await writeModel(join(folder, 'net'))
      const init = ['task', 'init', '--from', 'net/model.json']
      const made = await callCli([...init, '--data', 'mnist', '--out', 'own.yaml'], folder)
      expect(made.code, made.stderr).toBe(0)
      expect(await readFile(join(folder, 'own.yaml'), 'utf8')).toContain('layersModel: "net/model.json"')
      const checked = await callCli(['task', 'check', 'own.yaml', '--json'], folder)
      expect(JSON.parse(checked.stdout)).toMatchObject({
        parameterCount: 784 * 8 + 98,
        initial: join(folder, 'net/model.json'),
      })
      expect((await callCli([...init, '--out', 'other.yaml'], folder)).stderr).toMatch(/give --data as well/)
      await writeFile(join(folder, 'net/weights.bin'), 'short')
      const cut = await callCli(['task', 'check', 'own.yaml'], folder)
      expect(cut.code).toBe(3)
      expect(cut.stderr).toMatch(/E_IMPORT.*need 25480 bytes, but weights.bin has 5/)
      const text = await readFile(join(folder, 'net/model.json'), 'utf8')
      await writeFile(join(folder, 'net/model.json'), text.replace('"Flatten"', '"BatchNormalization"'))
      const refused = await callCli(['task', 'check', 'own.yaml'], folder)
      expect(refused.code).toBe(2)
      expect(refused.stderr).toMatch(
        /own.yaml:\d+:\d+: model.layersModel: .*layer flatten \(BatchNormalization\)/,
      )
    }))

  it('is a module whose document the manifest holds, without its name', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice'], 1)
      const code = `export default {
        task: 'digits', input: { type: 'image', shape: [28, 28, 1] }, output: { type: 'class', classes: 10 },
        model: { layers: [{ layer: 'flatten' }, ...[9, 10].map((units) => ({ layer: 'dense', units }))] },
        initial: ({ parameterCount }) => Float32Array.from({ length: parameterCount }, (_, k) => Math.sin(k) / 10),
      }`
      await writeFile(join(folder, 'my-task.mjs'), code)
      const create = 'manifest create --force --member alice --rule average --rounds 1'.split(' ')
      const made = await callCli([...create, '--task', 'my-task.mjs'], folder)
      expect(made.code, made.stderr).toBe(0)
      expect(await readFile(join(folder, 'manifest.json'), 'utf8')).not.toContain('my-task')
      await rm(join(folder, 'my-task.mjs'))
      const alice = startNode(folder, 'alice')
      expect(await alice.exit, alice.stderr.join('\n')).toBe(0)
      const failed = await callCli([...create, '--task', 'my-task.mjs'], folder)
      expect(failed.code).toBe(2)
      expect(failed.stderr).toMatch(/E_MODULE: .*my-task.mjs/)
    }))
})

describe.runIf(python)('a model that only a trainer process knows', () => {
  const TASK = `task: own
input: { type: tensor, shape: [3] }
output: { type: number, columns: [{ name: y }] }
model: { tensors: [{ name: w, shape: [1, 3] }, { name: b, shape: [1] }] }
`

  it('runs from the parameters with which the process begins', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 1)
      await writeFile(join(folder, 'task.yaml'), TASK)
      const command = JSON.stringify([python, TRAINER])
      for (const name of ['alice', 'bob']) {
        const file = join(folder, name, 'node.yaml')
        await writeFile(file, `${await readFile(file, 'utf8')}trainer: { command: ${command} }\n`)
      }
      const create =
        'manifest create --force --member alice --member bob --task task.yaml --rounds 3 --rule average --batch-size 8'.split(
          ' ',
        )
      const without = await callCli(create, folder)
      expect(without.code).toBe(2)
      expect(without.stderr).toMatch(/lists tensors.*--trainer alice.*--initial model.safetensors/)
      const made = await callCli([...create, '--trainer', 'alice'], folder)
      expect(made.code, made.stderr).toBe(0)
      const first = await readFile(join(folder, 'manifest.initial'))
      expect((await callCli([...create, '--trainer', 'bob/node.yaml'], folder)).code).toBe(0)
      expect(await readFile(join(folder, 'manifest.initial'))).toEqual(first)
      expect(
        (await callCli([...create, '--trainer', 'bob', '--seed', '2', '--out', 'other.json'], folder)).code,
      ).toBe(0)
      expect(await readFile(join(folder, 'other.initial'))).not.toEqual(first)

      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit]), bob.stderr.join('\n')).toEqual([0, 0])
      const losses = lastLoss(alice.stdout)
      expect(losses.at(-1)).toBeLessThan(losses[0]!)
      expect((await callCli(['ledger', 'replay', 'alice', 'bob'], folder)).code).toBe(0)

      await writeFile(join(folder, 'data.csv'), 'a,b,c,y\n1,2,3,4\n')
      const judged = await callCli(['model', 'eval', 'alice', '--data', 'data.csv'], folder)
      expect(judged.code).toBe(2)
      expect(judged.stderr).toMatch(/known only to the process that trains it.*model export/)
      expect((await callCli(['model', 'export', 'alice', '--out', 'exported'], folder)).code).toBe(0)
      const again = await callCli([...create, '--initial', 'exported', '--out', 'again.json'], folder)
      expect(again.code, again.stderr).toBe(0)
    }))

  it.each([
    ['nan', 7, /E_TRAINER_PROTOCOL.*number 0 is NaN/],
    ['empty', 7, /E_TRAINER_FAILED.*'get'.*must have parameters once it has answered 'hello'/],
  ] as const)('one that begins with %s parameters is refused', (mode, code, message) =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice'], 1)
      await writeFile(join(folder, 'task.yaml'), TASK)
      const file = join(folder, 'alice', 'node.yaml')
      const text = await readFile(file, 'utf8')
      await writeFile(
        file,
        `${text}trainer: { command: ${JSON.stringify([python, TRAINER, mode])}, attempts: 1 }\n`,
      )
      const create = ['manifest', 'create', '--member', 'alice', '--task', 'task.yaml', '--out', 'own.json']
      const made = await callCli([...create, '--trainer', 'alice'], folder)
      expect(made.code).toBe(code)
      expect(made.stderr).toMatch(message)
      await writeFile(file, text)
      const none = await callCli([...create, '--trainer', 'alice'], folder)
      expect(none.code).toBe(2)
      expect(none.stderr).toMatch(/has no key trainer/)
    }),
  )
})

it('a module of wrong syntax is refused with its line', () =>
  inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'task.mjs'), 'export default {\n  task: = 3\n}\n')
    const refused = await runCli(['task', 'check', 'task.mjs'], folder)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/E_MODULE: .*task\.mjs: cannot be imported: SyntaxError: .* \(line 2\)/)
  }))
