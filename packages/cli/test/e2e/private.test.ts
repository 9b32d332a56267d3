import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { initNodes, listening, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder } from '../support/run-cli.js'

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin']

describe('a private run from the command line', () => {
  it.each([
    ['shares', ['--privacy-rule', 'nearest:f=1'], 4],
    ['masks', [], 5],
  ])(
    'with %s is made by manifest create, trained by nodes that find each other, and shown, verified and replayed',
    (mode, flags, accepted) =>
      inTemporaryFolder(async (folder) => {
        await initNodes(folder, NAMES, 2, [
          ...['--privacy', mode, '--privacy-threshold', '1', ...flags],
          ...['--local-steps', '1', '--model', 'softmax', '--rule', 'average', '--topology', 'ring'],
        ])
        const first = startNode(folder, 'alice')
        const address = await listening(first)
        for (const name of NAMES.slice(1)) await setBootstrap(folder, name, address)
        const others = NAMES.slice(1).map((name) => startNode(folder, name))
        expect(await Promise.all([first, ...others].map(({ exit }) => exit))).toEqual(NAMES.map(() => 0))

        const states = NAMES.map((name) => join(name, 'state'))
        expect((await callCli(['ledger', 'verify', ...states], folder)).code).toBe(0)
        const replay = await callCli(['ledger', 'replay', ...states], folder)
        expect(replay.code, replay.stdout + replay.stderr).toBe(0)
        const shown = await callCli(['ledger', 'show', states[1]!], folder)
        expect(shown.stdout.match(/transcript bafkrei/g)).toHaveLength(2)
        expect(shown.stdout.match(/^ +in the sum /gm)).toHaveLength(2 * accepted)
        expect(shown.stdout.match(/^ +refused /gm) ?? []).toHaveLength(2 * (NAMES.length - accepted))
      }),
  )

  it.each([
    [['--privacy-threshold', '1'], /--privacy-threshold is part of private rounds/],
    [['--privacy', 'shares', '--privacy-threshold', '2'], /lower the threshold to 1 at most/],
    [['--privacy', 'shares', '--privacy-rule', 'nearst'], /Did you mean 'nearest'/],
    [['--privacy', 'shares', '--privacy-rule', 'multi-krum:f=1', '--chain', 'bft'], /common chain/],
    [['--privacy', 'shares', '--privacy-range', '0'], /privacy.range/],
    [['--privacy', 'sums'], /Allowed choices are shares, masks/],
    [['--privacy', 'masks', '--privacy-rule', 'nearest'], /leave out privacy.rule \(nearest\)/],
  ])('manifest create %j says what is wrong', (flags, message) =>
    inTemporaryFolder(async (folder) => {
      const members: string[] = []
      for (const name of ['a', 'b', 'c', 'd']) {
        expect((await callCli(['node', 'init', name], folder)).code).toBe(0)
        members.push('--member', name)
      }
      const made = await callCli(['manifest', 'create', ...members, ...flags], folder)
      expect([made.code, made.stderr]).toEqual([2, expect.stringMatching(message)])
    }),
  )

  it('scenario validate names the place of a mistake', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 's.yaml'), 'nodes: 10\nprivacy:\n  threshold: 6\n  group: 10\n')
      const run = await callCli(['scenario', 'validate', 's.yaml'], folder)
      expect([run.code, run.stderr]).toEqual([
        2,
        expect.stringMatching(/s\.yaml:3:3: privacy: a threshold of 6 takes 13 members/),
      ])
    }))

  it('warns of an attack on private rounds in a run that has none', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(
        join(folder, 's.yaml'),
        'nodes: 3\nmodel: softmax\ntraining: { rounds: 1, localSteps: 1 }\nadversaries: [{ nodes: [2], attack: private-silence }]\ncontrols: { honest: false, undefended: false, baseline: false }\n',
      )
      const run = await callCli(['scenario', 'run', 's.yaml', '--stage', 'simulate'], folder)
      expect(run.stderr + run.stdout).toContain(
        'private-silence acts on private rounds, and the run has none',
      )
    }))
})
