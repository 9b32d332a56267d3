import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generateKeyPair,
  privateKeyFromProtobuf,
  privateKeyFromRaw,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { createSigner, publicKeyFromPeerId, verifySignature } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createIdentityFile, identityFromSeed, readIdentityFile } from '../../src/identity-file.js'
import { temporaryFolder } from '../support/temporary-folder.js'

describe('peer ids', () => {
  it('are libp2p’s own for the same key, and so are the signatures', async () => {
    for (let k = 0; k < 8; k++) {
      const key = await generateKeyPair('Ed25519')
      const signer = createSigner(key.raw.slice(0, 32))
      expect(signer.peerId).toBe(peerIdFromPrivateKey(key).toString())
      expect(publicKeyFromPeerId(signer.peerId)).toEqual(new Uint8Array(key.publicKey.raw))
      expect(peerIdFromString(signer.peerId).publicKey?.equals(key.publicKey)).toBe(true)
      const message = Uint8Array.of(1, 2, k)
      expect(verifySignature(signer.peerId, message, new Uint8Array(await key.sign(message)))).toBe(true)
      expect(await key.publicKey.verify(message, signer.sign(message))).toBe(true)
    }
  })
})

describe('the key file', () => {
  it('keeps the identity that it is given', async () => {
    const folder = await temporaryFolder()
    const identity = identityFromSeed(new Uint8Array(32).fill(7))
    await createIdentityFile(join(folder, 'key'), identity)
    const read = await readIdentityFile(join(folder, 'key'))
    expect(read.signer.peerId).toBe(identity.signer.peerId)
    expect([...read.seed]).toEqual([...identity.seed])
  })

  it('has mode 0600 and gives the same identity when it is read', async () => {
    const path = join(await temporaryFolder(), 'key')
    const made = await createIdentityFile(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const read = await readIdentityFile(path)
    expect(read.signer.peerId).toBe(made.signer.peerId)
    expect(Buffer.from(read.seed).equals(made.seed)).toBe(true)
    // Other libp2p tools read it as well.
    const key = privateKeyFromProtobuf(await readFile(path))
    expect(peerIdFromPrivateKey(key).toString()).toBe(made.signer.peerId)
  })

  it('is different every time', async () => {
    const folder = await temporaryFolder()
    const ids = await Promise.all(
      ['a', 'b'].map(async (name) => (await createIdentityFile(join(folder, name))).signer.peerId),
    )
    expect(ids[0]).not.toBe(ids[1])
  })

  it('is never written over', async () => {
    const path = join(await temporaryFolder(), 'key')
    await writeFile(path, 'precious')
    await expect(createIdentityFile(path)).rejects.toMatchObject({ name: 'NodeError', code: 'E_KEY' })
    expect(await readFile(path, 'utf8')).toBe('precious')
  })

  it('cannot be made in a folder that is not there', async () => {
    await expect(createIdentityFile(join(await temporaryFolder(), 'no', 'key'))).rejects.toMatchObject({
      code: 'E_KEY',
    })
  })

  it.each(['640', '604', '660', '644', '610'])(
    'is refused with mode %s, and the error says how to fix it',
    async (mode) => {
      const path = join(await temporaryFolder(), 'key')
      await createIdentityFile(path)
      await chmod(path, Number.parseInt(mode, 8))
      await expect(readIdentityFile(path)).rejects.toMatchObject({
        code: 'E_KEY',
        message: expect.stringContaining('chmod 600'),
      })
      await chmod(path, 0o400)
      await expect(readIdentityFile(path)).resolves.toBeDefined()
    },
  )

  it('is refused when it is missing, with the command that creates one', async () => {
    await expect(readIdentityFile(join(await temporaryFolder(), 'key'))).rejects.toMatchObject({
      code: 'E_KEY',
      message: expect.stringContaining('tempered node init'),
    })
  })

  it('is named as what it is when it is a folder or some other file that anyone may read', async () => {
    const folder = await temporaryFolder()
    await expect(readIdentityFile(folder)).rejects.toMatchObject({
      code: 'E_KEY',
      message: expect.stringContaining('this is a folder; name the key file in it'),
    })
    await writeFile(join(folder, 't.csv'), 'a,b\n1,2\n', { mode: 0o644 })
    await expect(readIdentityFile(join(folder, 't.csv'))).rejects.toMatchObject({
      code: 'E_KEY',
      message: expect.stringContaining('contains no Ed25519 private key'),
    })
  })

  it('is not to be made anew when it cannot be read', async () => {
    const path = await temporaryFolder()
    await writeFile(join(path, 'identity.key'), 'x')
    await expect(readIdentityFile(join(path, 'identity.key', 'more'))).rejects.toMatchObject({
      code: 'E_KEY',
      message: expect.not.stringContaining('node init'),
    })
  })

  it('is refused when it holds anything but an Ed25519 private key', async () => {
    const path = join(await temporaryFolder(), 'key')
    const secp = privateKeyToProtobuf(await generateKeyPair('secp256k1'))
    const seed = new Uint8Array(32).fill(3)
    const raw = new Uint8Array([...seed, ...publicKeyFromPeerId(identityFromSeed(seed).signer.peerId)])
    const whole = privateKeyToProtobuf(privateKeyFromRaw(raw))
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(64).fill(7),
      Buffer.from('text'),
      secp,
      whole.subarray(0, 40),
    ]) {
      await writeFile(path, bytes, { mode: 0o600 })
      await expect(readIdentityFile(path)).rejects.toMatchObject({ name: 'NodeError', code: 'E_KEY' })
    }
  })
})
