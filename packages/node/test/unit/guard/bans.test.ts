import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ban, createBanFile, createBans, forgetfulBanStore } from '../../../src/guard/bans.js'
import { silentLogger } from '../../../src/logger.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const BUDGETS = {
  faults: { burst: 3, perSecond: 0.1 },
  firstBanMs: 1_000,
  longestBanMs: 4_000,
  forgottenAfterMs: 10_000,
}

async function setup(store = forgetfulBanStore, now = 0) {
  const clock = { now, wallMs: () => clock.now, monotonicMs: () => clock.now }
  const banned: Ban[] = []
  const bans = await createBans({
    budgets: BUDGETS,
    clock,
    store,
    logger: silentLogger,
    onBan: (ban) => banned.push(ban),
  })
  const faults = (peer: string, count: number) =>
    Array.from({ length: count }, () => bans.fault(peer, 'E_MALFORMED'))
  return { clock, bans, banned, faults }
}

describe('bans', () => {
  it('come after more faults than a peer may commit, and end by themselves', async () => {
    const { clock, bans, banned, faults } = await setup()
    expect(faults('a', 3)).toEqual([false, false, false])
    expect(bans.isBanned('a')).toBe(false)
    expect(faults('a', 1)).toEqual([true])
    expect(banned).toEqual([{ peer: 'a', code: 'E_MALFORMED', until: 1_000, times: 1 }])
    expect([bans.isBanned('a'), bans.isBanned('b')]).toEqual([true, false])
    clock.now = 1_000
    expect(bans.isBanned('a')).toBe(false)
    expect(bans.list()).toEqual([])
  })

  it.each([3_600_000, -3_600_000])(
    'neither end nor last longer when the clock is set by %i ms',
    async (byMs) => {
      let [wallMs, monotonicMs] = [10 * 3_600_000, 0]
      const bans = await createBans({
        budgets: BUDGETS,
        clock: { wallMs: () => wallMs, monotonicMs: () => monotonicMs },
        store: forgetfulBanStore,
        logger: silentLogger,
        onBan: () => undefined,
      })
      for (let k = 0; k < 4; k++) bans.fault('a', 'E_MALFORMED')
      wallMs += byMs
      monotonicMs += 999
      expect([bans.isBanned('a'), bans.list().length]).toEqual([true, 1])
      monotonicMs += 1
      expect([bans.isBanned('a'), bans.list().length]).toEqual([false, 0])
    },
  )

  it('do not come for faults that are rare', async () => {
    const { clock, bans, faults } = await setup()
    for (let k = 0; k < 100; k++) {
      faults('a', 1)
      clock.now += 10_000
    }
    expect(bans.isBanned('a')).toBe(false)
  })

  it('last twice as long each time, up to a limit, until a peer has behaved long enough', async () => {
    const { clock, banned, faults } = await setup()
    for (let k = 0; k < 4; k++) {
      faults('a', 4)
      clock.now = banned.at(-1)!.until
    }
    expect(banned.map(({ until }, k) => until - (banned[k - 1]?.until ?? 0))).toEqual([1e3, 2e3, 4e3, 4e3])
    clock.now += BUDGETS.forgottenAfterMs + 1
    faults('a', 4)
    expect(banned.at(-1)!.times).toBe(1)
  })

  it('survive a restart, and a clock that was wrong makes none last for ever', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'bans.json')
    const before = await setup(createBanFile(path), 5_000)
    before.faults('a', 4)
    // The file is written before the next ban of another peer is.
    const written = new Promise<void>((resolve) => {
      const look = async () => {
        const kept = await createBanFile(path).load()
        if (kept.length > 0) resolve()
        else setTimeout(look, 5)
      }
      void look()
    })
    await written
    const after = await setup(createBanFile(path), 5_500)
    expect([after.bans.isBanned('a'), after.bans.list().length]).toEqual([true, 1])
    const early = await setup(createBanFile(path), 0)
    expect(early.bans.list()[0]!.until).toBe(4_000)
  })

  it.each([
    ['no JSON', '{'],
    ['other fields', '[{"peer":"a"}]'],
  ])('in a damaged file (%s) are an error that says what to do', async (_what, text) => {
    const path = join(await temporaryFolder(), 'bans.json')
    await writeFile(path, text)
    await expect(setup(createBanFile(path))).rejects.toMatchObject({
      code: 'E_STATE_CORRUPT',
      message: expect.stringContaining('delete it to begin without bans'),
    })
  })
})
