import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAnnouncementIndex, systemClock } from '@tempered/node'
import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import { endNode } from '../../src/soak/end-node.js'
import { observeNodes } from '../../src/soak/observed-nodes.js'
import { createSoakCluster } from '../../src/soak/soak-folder.js'
import { ledgerOf } from '../../src/soak/soak-ledgers.js'
import { inTemporaryFolder } from '../support/run-cli.js'

const NODES = 5
/** Rounds in which a fifth of the nodes is killed. */
const ROUNDS = 4
const KILLED = NODES / 5

describe('five nodes, of which one is killed in every round', () => {
  it('close their rounds, sign nothing twice and leave nothing over', () =>
    inTemporaryFolder(async (folder) => {
      const { nodes, places, run } = await createSoakCluster(folder, NODES, 3)
      const observed = observeNodes(nodes, new AbortController().signal)
      const rng = createRng(3, 'churn')
      /** The newest round that any node has closed. */
      const newest = async (): Promise<number> => {
        const found = await Promise.all(nodes.map((_, k) => observed.status(k).catch(() => undefined)))
        return Math.max(-1, ...found.map((status) => status?.ledger.lastRound ?? -1))
      }
      const findings: string[] = []
      try {
        await Promise.all(nodes.map((_, k) => observed.start(k)))
        await Promise.all(nodes.map((_, k) => observed.joined(k)))
        for (let round = 0; round < ROUNDS; round++) {
          const before = await newest()
          const struck = new Set<number>()
          while (struck.size < KILLED) struck.add(rng.integer(NODES))
          await Promise.all(
            [...struck].map(async (k) => {
              await endNode(systemClock, nodes[k]!, 'SIGKILL')
              await observed.start(k)
              // It takes part again, in a round of its own or of the others.
              await observed.joined(k)
            }),
          )
          expect(await newest()).toBeGreaterThan(before)
        }
      } finally {
        findings.push(...(await observed.stop()))
      }
      expect(findings).toEqual([])
      const index = createAnnouncementIndex()
      for (const [k, { name, folder: home }] of nodes.entries()) {
        const state = await ledgerOf(join(home, 'state'), run, places[k]!.peer, index)
        expect([name, state.ledgerError, state.quarantined]).toEqual([name, undefined, []])
        for (const { entries, head } of observed.shown(k))
          expect([name, entries, state.headAt(entries)]).toEqual([name, entries, head])
        expect(await readFile(`${home}.log`, 'utf8')).not.toContain('cannot continue')
      }
      expect(index.contradictions()).toEqual([])
      expect(nodes.reduce((sum, { starts }) => sum + starts, 0)).toBe(NODES + ROUNDS * KILLED)
      expect(observed.left()).toEqual([])
    }))
})
