import { setMaxListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { callCli } from '../../support/call-cli.js'
import { initNodes, listening, setBootstrap } from '../../support/node-pair.js'
import { pester } from '../../support/pesterer.js'
import { inTemporaryFolder, startCli } from '../../support/run-cli.js'

const HONEST = 10
const HOSTILE = 40
const ROUNDS = 8

interface RoundLine {
  readonly round: number
  readonly neighbours: readonly { readonly arrival: number | null }[]
}

describe('ten honest nodes and forty hostile connections', () => {
  it('go through all rounds together: no honest model is lost', () =>
    inTemporaryFolder(async (folder) => {
      const names = Array.from({ length: HONEST }, (_, k) => `n${k}`)
      await initNodes(folder, names, ROUNDS)
      const start = (name: string) => startCli(['node', 'start', '--config', name, '--json'], folder)
      const first = start(names[0]!)
      const address = await listening(first)
      const others = []
      for (const name of names.slice(1)) {
        await setBootstrap(folder, name, address)
        others.push(start(name))
      }
      const addresses = [address, ...(await Promise.all(others.map(listening)))]
      const hostile = new AbortController()
      setMaxListeners(0, hostile.signal)
      const pesterers = Array.from({ length: HOSTILE }, (_, k) =>
        pester(addresses[k % HONEST]!, 2_000, hostile.signal),
      )
      const exits = await Promise.all([first, ...others].map(({ exit }) => exit))
      hostile.abort()
      const times = (await Promise.all(pesterers)).reduce((a, b) => a + b, 0)
      expect(exits).toEqual(Array(HONEST).fill(0))
      expect(times).toBeGreaterThanOrEqual(HOSTILE)
      for (const [k, { stdout }] of [first, ...others].entries()) {
        const rounds = stdout.map((line) => JSON.parse(line) as RoundLine)
        expect(rounds.map(({ round }) => round)).toEqual(Array.from({ length: ROUNDS }, (_, r) => r + 1))
        const lost = rounds.flatMap(({ neighbours }) => neighbours.filter(({ arrival }) => arrival === null))
        expect(lost, names[k]).toEqual([])
      }
      const { code } = await callCli(['ledger', 'verify', ...names.map((name) => `${name}/state`)], folder)
      expect(code).toBe(0)
    }))
})
