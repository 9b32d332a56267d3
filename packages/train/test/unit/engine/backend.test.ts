import { describe, expect, it } from 'vitest'
import { type BackendChoice, createBackend, withBackend } from '../../../src/engine/tfjs/backend.js'

const missing = {
  loadTfjsNode: async () => {
    throw Object.assign(new Error("Cannot find module '@tensorflow/tfjs-node'\nRequire stack:"), {
      code: 'MODULE_NOT_FOUND',
    })
  },
}
const broken = {
  loadTfjsNode: async () => {
    throw new Error('libtensorflow.so.2: cannot open shared object file\nmore')
  },
}

describe('createBackend', () => {
  it('auto without tfjs-node takes wasm and says so in one line', async () => {
    const backend = await createBackend('auto', missing)
    expect(backend.name).toBe('wasm')
    expect(backend.notice).toBe('training on wasm (SIMD): tfjs-node is not installed')
    expect((await createBackend('auto', broken)).notice).toBe(
      'training on wasm (SIMD): tfjs-node did not load (libtensorflow.so.2: cannot open shared object file)',
    )
  })

  it('an explicit node without tfjs-node is an error that says how to fix it', async () => {
    await expect(createBackend('node', missing)).rejects.toMatchObject({
      code: 'E_BACKEND_UNAVAILABLE',
      message: expect.stringContaining('docs/engines.md'),
    })
    await expect(createBackend('node', broken)).rejects.toMatchObject({ code: 'E_BACKEND_UNAVAILABLE' })
  })

  it('refuses an unknown name', async () => {
    await expect(createBackend('gpu' as BackendChoice)).rejects.toMatchObject({
      code: 'E_BACKEND_UNAVAILABLE',
    })
  })

  it('wasm and cpu live side by side and take turns', async () => {
    const wasm = await createBackend('wasm')
    const cpu = await createBackend('cpu')
    const current = [wasm, cpu, cpu, wasm, cpu].map((backend) =>
      withBackend(backend, () => backend.tf.getBackend()),
    )
    expect(await Promise.all(current)).toEqual(['wasm', 'cpu', 'cpu', 'wasm', 'cpu'])
  })

  it('continues after a failed computation', async () => {
    const wasm = await createBackend('wasm')
    const failing = withBackend(wasm, () => {
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await withBackend(wasm, () => 7)).toBe(7)
  })
})
