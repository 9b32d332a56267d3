import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ledgerEntries } from '@tempered/node'
import { contributionsOf, isFreeRider, type Manifest } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

const NODES = 6
const RIDER = 2
const SCENARIO = {
  name: 'riders',
  nodes: NODES,
  topology: 'complete',
  model: 'softmax',
  contribution: { every: 2 },
  data: { split: { kind: 'iid' } },
  rule: 'average',
  training: { rounds: 5, localSteps: 4, learningRate: 0.1 },
  evaluation: { every: 2, samples: 100 },
  adversaries: [{ nodes: [RIDER], attack: { name: 'free-rider', params: { noise: 0, idle: 1 } } }],
  assertions: [
    'freeRiderPrecision >= 100 %',
    'freeRiderRecall >= 100 %',
    'freeRiderRecallByOthers >= 100 %',
    'honestFlagged <= 0 %',
  ],
  keepRounds: 5,
  // No deadline may pass, however slow the machine is.
  deadlines: {
    joinMs: 1_000_000,
    collectMs: 1_000_000,
    dialMs: 300_000,
    firstByteMs: 300_000,
    transferMs: 600_000,
    reconnectMs: 300_000,
  },
}

/** Runs the scenario; returns the run's folder and what every node said in every round. */
async function play(folder: string, stage: string) {
  await writeFile(join(folder, 'riders.yaml'), JSON.stringify(SCENARIO))
  const out = await runCli(
    ['scenario', 'run', 'riders.yaml', '--stage', stage, '--no-controls', '--out', stage, '--json'],
    folder,
  )
  expect(out.code, out.stderr).toBe(0)
  const said: Record<string, unknown> = {}
  for (const line of out.stdout.trim().split('\n')) {
    const event = parseJson(line) as {
      type: string
      index: number
      report: { round: number; contribution: unknown }
    }
    if (event.type === 'round') said[`${event.index}/${event.report.round}`] = event.report.contribution
  }
  const [name = ''] = await readdir(join(folder, stage))
  return { results: join(stage, name), run: join(stage, name, 'attacked', 'seed-1'), said }
}

describe('a scenario that scores contributions', () => {
  it('finds its free rider, in ledgers that verify and replay, and the simulation says the same, bit for bit', () =>
    inTemporaryFolder(async (folder) => {
      const { results, run, said } = await play(folder, 'cluster')
      expect(Object.keys(said)).toHaveLength(NODES * 5)
      expect((await play(folder, 'simulate')).said).toEqual(said)

      const nodes = join(run, 'nodes')
      expect(await callCli(['ledger', 'verify', nodes], folder)).toMatchObject({ code: 0 })
      const replayed = await callCli(['ledger', 'replay', nodes], folder)
      expect(replayed, replayed.stdout).toMatchObject({ code: 0 })
      expect(replayed.stdout.match(/5 rounds agree/g)).toHaveLength(NODES)

      const manifest = JSON.parse(await readFile(join(folder, run, 'manifest.json'), 'utf8')) as Manifest
      const entries = []
      for (const node of await readdir(join(folder, nodes)))
        for await (const { body } of ledgerEntries(join(folder, nodes, node, 'ledger.car')))
          entries.push(body)
      const riders = contributionsOf(entries, manifest.members).map(isFreeRider)
      expect(riders).toEqual(manifest.members.map((_, k) => k === RIDER))

      const shown = await callCli(['ledger', 'show', join(nodes, 'node-00'), '--round', '4'], folder)
      expect(shown.stdout).toMatch(/contribution +gain +distance/)
      expect(shown.stdout).toContain('unchanged')
      const other = await callCli(['ledger', 'show', join(nodes, 'node-00'), '--round', '3'], folder)
      expect(other.stdout).not.toContain('gain')
      const own = await callCli(['ledger', 'show', join(nodes, `node-0${RIDER}`), '--round', '4'], folder)
      expect(own.stdout).toContain('its own model looks like that of a free rider: unchanged')
      const peer = manifest.members[RIDER]!.slice(-8)
      const explained = await callCli(
        ['ledger', 'explain', join(nodes, 'node-00'), '--round', '4', '--peer', peer, '--blobs', nodes],
        folder,
      )
      expect(explained.stdout).toContain('free ride  unchanged')
      expect(explained.stdout).toContain('gives what the entry says, bit for bit')

      const page = await readFile(join(folder, results, 'report.html'), 'utf8')
      expect(page).toContain('Contribution of each node')
      expect(page).toMatch(/<td>node-02<\/td>.*?5 of 5.*?unchanged \(5\).*?free rider/)
    }))

  it('is what `manifest create` asks for', () =>
    inTemporaryFolder(async (folder) => {
      for (const name of ['a', 'b']) expect((await callCli(['node', 'init', name], folder)).code).toBe(0)
      const members = ['--member', 'a', '--member', 'b']
      const create = (out: string, ...more: string[]) =>
        callCli(['manifest', 'create', ...members, '--out', out, ...more], folder)
      expect((await create('scored.json', '--contribution', '3')).code).toBe(0)
      expect((await create('plain.json')).code).toBe(0)
      const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'))
      expect((await read('scored.json')).contribution).toEqual({ every: 3 })
      expect(await read('plain.json')).not.toHaveProperty('contribution')
      expect((await create('never.json', '--contribution', '0')).code).toBe(2)
    }))
})
