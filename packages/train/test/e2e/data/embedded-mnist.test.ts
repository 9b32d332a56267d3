import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { EMBEDDED_MNIST_SHA256 } from '../../../src/data/embedded-mnist.js'

it('several processes may create the cache at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tempered-mnist-'))
  try {
    const entry = new URL('../../../dist/data/embedded-mnist.js', import.meta.url)
    const script =
      `import { loadEmbeddedMnist } from '${entry}'; const { train } = await loadEmbeddedMnist(process.argv[1]); ` +
      'process.stdout.write(train.sha256)'
    const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, folder])
    const outputs = await Promise.all([run(), run(), run()])
    expect(outputs.map(({ stdout }) => stdout)).toEqual(new Array(3).fill(EMBEDDED_MNIST_SHA256.train))
    expect(await readdir(folder)).toHaveLength(1)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
