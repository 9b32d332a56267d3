import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createIdentityFile, type MemberProbe, randomIdentity } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { NodeConfig } from '../../../src/config/node-config.js'
import { checkBootstrap } from '../../../src/doctor/check-bootstrap.js'
import { checkClock } from '../../../src/doctor/check-clock.js'
import { runBytes } from '../../../src/doctor/check-disk.js'
import { checkKey } from '../../../src/doctor/check-key.js'
import { checkLimits } from '../../../src/doctor/check-limits.js'
import { checkRound } from '../../../src/doctor/check-round.js'
import { checkState } from '../../../src/doctor/check-state.js'
import { worstOf } from '../../../src/doctor/finding.js'
import { statusDocument } from '../../../src/operate/status-document.js'
import { inTemporaryFolder } from '../../support/run-cli.js'
import { SAMPLE_NOW_MS, sampleStatus } from '../../support/sample-status.js'

const running = (changes = {}, nowMs = SAMPLE_NOW_MS) =>
  statusDocument(
    sampleStatus(changes),
    { node: 'alice', pid: 42, nowMs },
    { stateBytes: null, freeBytes: null },
  )

describe('the check of the key', () => {
  it('passes a key of mode 0600', () =>
    inTemporaryFolder(async (folder) => {
      const key = join(folder, 'identity.key')
      const { signer } = await createIdentityFile(key)
      const { findings, identity } = await checkKey({ key })
      expect(identity?.signer.peerId).toBe(signer.peerId)
      expect(worstOf(findings)).toBe('ok')
    }))

  it.skipIf(process.platform === 'win32')('finds one that others can read, with the command against it', () =>
    inTemporaryFolder(async (folder) => {
      const key = join(folder, 'identity.key')
      await createIdentityFile(key)
      await chmod(key, 0o644)
      const { findings, identity } = await checkKey({ key })
      expect(identity).toBeUndefined()
      expect(findings).toMatchObject([{ level: 'problem', remedy: `run: chmod 600 ${key}` }])
    }),
  )

  it('finds a link, a damaged file and a missing one', () =>
    inTemporaryFolder(async (folder) => {
      const key = join(folder, 'identity.key')
      await createIdentityFile(key)
      const link = join(folder, 'link.key')
      await symlink(key, link)
      expect((await checkKey({ key: link })).findings.map(({ level }) => level)).toEqual(['ok', 'warning'])
      const damaged = join(folder, 'damaged.key')
      await writeFile(damaged, 'nonsense', { mode: 0o600 })
      for (const path of [damaged, join(folder, 'missing.key')]) {
        const [finding] = (await checkKey({ key: path })).findings
        expect(finding).toMatchObject({ level: 'problem', remedy: expect.stringMatching(/./) })
      }
    }))
})

describe('the check of the state folder', () => {
  const check = (state: string) =>
    checkState({
      config: { state } as NodeConfig,
      identity: undefined,
      run: undefined,
      running: undefined,
    })

  it('passes a folder that the first start creates, and one without a ledger', () =>
    inTemporaryFolder(async (folder) => {
      expect(worstOf(await check(join(folder, 'state')))).toBe('ok')
      await mkdir(join(folder, 'state'))
      expect(worstOf(await check(join(folder, 'state')))).toBe('ok')
    }))

  it('finds a file in its place, a ledger that is none, and an owner that does not answer', () =>
    inTemporaryFolder(async (folder) => {
      const state = join(folder, 'state')
      await writeFile(state, '')
      expect(await check(state)).toMatchObject([{ level: 'problem', text: `${state} is not a folder` }])
      await writeFile(join(folder, 'ledger.car'), 'not a ledger at all')
      await writeFile(join(folder, 'lock'), `${process.ppid}\n`)
      const findings = await check(folder)
      expect(findings.find(({ level }) => level === 'warning')?.text).toContain(`process ${process.ppid}`)
      expect(findings.find(({ level }) => level === 'problem')?.text).toContain('does not verify')
    }))

  // Nothing is closed to root.
  it.runIf(process.getuid?.() !== 0)('finds one that cannot be written', () =>
    inTemporaryFolder(async (folder) => {
      await chmod(folder, 0o555)
      const [finding] = await check(folder)
      await chmod(folder, 0o755)
      expect(finding).toMatchObject({ level: 'problem', text: expect.stringContaining('cannot be written') })
    }),
  )
})

describe('the check of bootstrap addresses', () => {
  const identity = randomIdentity()
  const run = { id: { toString: () => 'bafyrun' } } as unknown as Run
  const config = { bootstrap: ['/ip4/192.0.2.1/tcp/4001'], mdns: false } as unknown as NodeConfig
  const probed = async (found: MemberProbe) => {
    const [finding] = await checkBootstrap({ config, identity, run }, async () => found)
    return finding!
  }

  it.each<[MemberProbe, string, RegExp]>([
    [{ what: 'member', peer: 'p', run: 'bafyrun' }, 'ok', /takes this node for a member/],
    [{ what: 'member', peer: 'p', run: 'bafyother' }, 'problem', /in run bafyother/],
    [
      { what: 'refuses', peer: 'p', code: 'E_NOT_A_MEMBER', message: '' },
      'problem',
      /does not admit this node: E_NOT_A_MEMBER/,
    ],
    [{ what: 'other-protocol', peer: 'p', protocol: '/x/1' }, 'problem', /does not speak \/x\/1/],
    [
      { what: 'failed', peer: undefined, code: 'E_NO_CONNECTION', message: 'connect ECONNREFUSED' },
      'warning',
      /nobody listens there/,
    ],
    [
      {
        what: 'failed',
        peer: undefined,
        code: 'E_NO_CONNECTION',
        message: 'Payload identity key 12D3a does not match expected remote identity key 12D3b',
      },
      'problem',
      /another peer is there, 12D3a/,
    ],
    [
      { what: 'failed', peer: undefined, code: 'E_NO_CONNECTION', message: 'Encryption failed' },
      'problem',
      /does not shake hands/,
    ],
    [{ what: 'failed', peer: undefined, code: 'E_KEY', message: 'own key' }, 'problem', /own key/],
    [{ what: 'failed', peer: undefined, code: 'E_TIMEOUT', message: 'late' }, 'warning', /E_TIMEOUT/],
  ])('%o', async (found, level, text) => {
    const finding = await probed(found)
    expect(finding.level).toBe(level)
    expect(finding.text).toMatch(text)
    expect(finding.remedy === null).toBe(level === 'ok')
  })

  it('says what it means to have none', async () => {
    const none = { ...config, bootstrap: [], network: { ...config.network } }
    const dht = { bootstrap: ['/ip4/127.0.0.1/tcp/1'], protocol: '/ipfs/kad/1.0.0' }
    const met = { ...none, network: { ...config.network, dht } }
    expect(await checkBootstrap({ config: met, identity, run })).toMatchObject([{ level: 'ok' }])
    expect(await checkBootstrap({ config: none, identity, run })).toMatchObject([{ level: 'note' }])
    expect(await checkBootstrap({ config: { ...none, mdns: true }, identity, run })).toMatchObject([
      { level: 'ok' },
    ])
  })

  it('finds a name that does not exist', async () => {
    const named = { ...config, bootstrap: ['/dns4/no-such-host.invalid/tcp/4001'] }
    const [finding] = await checkBootstrap({ config: named, identity, run }, async () => {
      throw new Error('must not be dialled')
    })
    expect(finding).toMatchObject({ level: 'problem', text: expect.stringContaining('cannot be resolved') })
  })
})

describe('the other checks', () => {
  it('open files: enough for the members, or a warning with the number', () => {
    const run = { manifest: { members: Array.from({ length: 100 }, () => '') } } as unknown as Run
    expect(checkLimits({ run }, 620)).toMatchObject([{ level: 'ok' }])
    expect(checkLimits({ run }, 619)).toMatchObject([
      { level: 'warning', remedy: expect.stringContaining('ulimit -n 620') },
    ])
    expect(checkLimits({ run }, Number.POSITIVE_INFINITY)).toMatchObject([{ level: 'ok' }])
    // That of this system.
    expect(checkLimits({ run: undefined })).toHaveLength(1)
  })

  it('clock: one that was set while the node ran, or that was never set', () => {
    expect(worstOf(checkClock({ running: running() }))).toBe('note')
    expect(worstOf(checkClock({ running: running({}, SAMPLE_NOW_MS + 3_600_000) }))).toBe('warning')
    expect(worstOf(checkClock({ running: undefined }, Date.UTC(1970, 0, 2)))).toBe('warning')
  })

  it('round: whom the node waits for, and why somebody is missing', () => {
    const findings = checkRound({ running: running() })
    expect(findings[0]?.text).toBe(
      'round 4 of 10, collecting for 1.5 s; it waits for 1 neighbour, 59 s at most',
    )
    expect(findings[1]).toMatchObject({
      level: 'problem',
      text: 'neighbour …ighbourB is not admitted: E_WRONG_RUN',
      remedy: expect.stringContaining('same manifest'),
    })
    expect(checkRound({ running: undefined })).toMatchObject([{ level: 'note' }])
  })

  it('disk: the models that are kept and ledgers that grow, within the budget', () => {
    const run = {
      modelBytes: 1e6,
      manifest: { members: ['a', 'b'], training: { rounds: 100 }, limits: { maxNeighbours: 10 } },
    } as unknown as Run
    const ledgers = 100 * 4 * 400
    expect(runBytes({ keepRounds: 10, diskBudgetMB: undefined }, run)).toBe(20e6 + ledgers)
    expect(runBytes({ keepRounds: 10, diskBudgetMB: 5 }, run)).toBe(5e6 + ledgers)
    // Two rounds are kept whatever the budget is.
    expect(runBytes({ keepRounds: 10, diskBudgetMB: 1 }, run)).toBe(4e6 + ledgers)
  })

  it('the worst level of several', () => {
    expect(worstOf([])).toBe('ok')
    expect(worstOf(checkRound({ running: running() }))).toBe('problem')
  })
})
