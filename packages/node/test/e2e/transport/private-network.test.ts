import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import { createNetworkKey, readNetworkKey } from '../../../src/network-key.js'
import { fetchManifest } from '../../../src/transport/fetch-manifest.js'
import { createMember, run } from '../../support/member-network.js'
import { seeds } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const KEY = new Uint8Array(32).fill(7)
const OTHER = new Uint8Array(32).fill(8)

describe('a private network', () => {
  it('connects members that have its key, and those without it get nothing', async () => {
    const first = createMember(0, [1], { networkKey: KEY })
    await first.start()
    const [address] = first.network.addresses()
    const second = createMember(1, [0], { networkKey: KEY, bootstrap: [address!] })
    await second.start()
    await Promise.all([first.count(1), second.count(1)])
    expect([first.changes[0], second.changes[0]]).toEqual(['up', 'up'])
    const ask = (networkKey: Uint8Array | undefined) =>
      fetchManifest(
        { ...identityFromSeed(seeds[2]!), networkKey },
        address!,
        systemClock,
        new AbortController().signal,
      )
    for (const key of [undefined, OTHER])
      await expect(ask(key)).rejects.toMatchObject({ code: 'E_NO_CONNECTION' })
    expect((await ask(KEY)).id.toString()).toBe(run.id.toString())
  })

  it('has a key file that is made once, and read as other programs of libp2p read it', async () => {
    const path = join(await temporaryFolder(), 'swarm.key')
    await createNetworkKey(path)
    expect(await readNetworkKey(path)).toHaveLength(32)
    await expect(createNetworkKey(path)).rejects.toMatchObject({ code: 'E_KEY' })
    await expect(readNetworkKey(`${path}.none`)).rejects.toMatchObject({ code: 'E_KEY' })
    for (const text of ['', '/key/swarm/psk/1.0.0/\n/base16/\n1234\n', '/key/swarm/psk/1.0.0/\n/base64/\n']) {
      await writeFile(path, text)
      await expect(readNetworkKey(path)).rejects.toMatchObject({ code: 'E_KEY' })
    }
  })
})
