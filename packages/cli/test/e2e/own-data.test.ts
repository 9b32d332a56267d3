import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { writeIdxFolder } from '../support/idx-folder.js'
import { configure, initNodes, listening, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder, runCli } from '../support/run-cli.js'

/** Shape of the samples and number of classes that a manifest names. */
async function imagesOf(folder: string) {
  const { task } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
  return { shape: task.input.shape, classes: task.output.classes }
}

const scenario = (source: string, more = '') => `name: own
nodes: 3
topology: complete
model: softmax
rule: average
data: { source: ${source}, split: { kind: iid } }
training: { rounds: 1, localSteps: 1 }
${more}`

describe('own data', () => {
  it('trains nodes on images and classes of its own', () =>
    inTemporaryFolder(async (folder) => {
      await writeIdxFolder(join(folder, 'img'), { classes: 100, height: 9, width: 7, perClass: 2 })
      await initNodes(folder, ['alice', 'bob'], 1, ['--data', 'img'])
      expect(await imagesOf(folder)).toEqual({ shape: [9, 7, 1], classes: 100 })
      for (const name of ['alice', 'bob']) await configure(folder, name, 'source: mnist', 'source: ../img')
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit]), alice.stderr.join('\n')).toEqual([0, 0])
      expect((await callCli(['ledger', 'verify', 'alice', 'bob'], folder)).code).toBe(0)
    }))

  it.each(sized(['simulate'], ['cluster', 'simulate']))('runs in a scenario (%s)', (stage) =>
    inTemporaryFolder(async (folder) => {
      await writeIdxFolder(join(folder, 'img'), { classes: 3, height: 8, width: 8 })
      await writeFile(join(folder, 's.yaml'), scenario('img'))
      const run = await runCli(['scenario', 'run', 's.yaml', '--stage', stage, '--json'], folder)
      expect(run.code, run.stderr).toBe(0)
      const { runs } = JSON.parse(run.stdout.split('\n').at(-1)!)
      expect(await imagesOf(runs[0].folder)).toEqual({ shape: [8, 8, 1], classes: 3 })
    }),
  )

  it('has as many classes as the scenario says, and room for 256', () =>
    inTemporaryFolder(async (folder) => {
      await writeIdxFolder(join(folder, 'img'), { classes: 256, height: 4, width: 4, perClass: 2 })
      const validate = async (classes: number) => {
        const text = scenario('img').replace('source: img', `source: img, classes: ${classes}`)
        await writeFile(join(folder, 's.yaml'), text)
        return callCli(['scenario', 'validate', 's.yaml'], folder)
      }
      expect((await validate(256)).code).toBe(0)
      expect(await validate(200)).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/label 200.*`data\.classes`.*\(named at s\.yaml:6:\d+, data\.source\)/),
      })
      expect((await validate(257)).stderr).toMatch(/s\.yaml:6:\d+: data\.classes: must be at most 256/)
    }))

  it('is refused at once where it cannot work', () =>
    inTemporaryFolder(async (folder) => {
      await callCli(['node', 'init', 'a'], folder)
      await writeIdxFolder(join(folder, 'img'), { classes: 5, height: 8, width: 8 })
      const create = (...more: string[]) =>
        callCli(['manifest', 'create', '--member', 'a', '--force', ...more], folder)
      for (const [options, text] of [
        [['--classes', '257'], '--classes must be at most 256'],
        [['--input-shape', '28,28'], 'must be height,width,channels'],
        [['--data', 'img', '--input-shape', '28,28,1'], 'is not that of img, 8,8,1'],
        [['--data', 'img', '--model', 'cnn'], "model 'cnn' does not take samples of 8×8×1"],
      ] as const)
        expect(await create(...options)).toMatchObject({ code: 2, stderr: expect.stringContaining(text) })
      expect((await create('--data', 'img', '--classes', '4')).stderr).toContain('E_LABEL_RANGE')
      await writeFile(join(folder, 's.yaml'), scenario('img').replace('softmax', 'cnn'))
      expect((await callCli(['scenario', 'validate', 's.yaml'], folder)).stderr).toMatch(
        /s\.yaml:4:8: model: model 'cnn' does not take samples of 8×8×1/,
      )
      await writeFile(join(folder, 's.yaml'), scenario('mnist, classes: 20'))
      expect((await callCli(['scenario', 'validate', 's.yaml'], folder)).stderr).toContain('have 10 classes')
      // A manifest for other images.
      expect((await create('--model', 'softmax')).code).toBe(0)
      await configure(folder, 'a', 'source: mnist', 'source: ../img')
      const started = await runCli(['node', 'start', '--config', 'a'], folder)
      expect(started).toMatchObject({ code: 3, stderr: expect.stringContaining('manifest create --data') })
    }))
})
