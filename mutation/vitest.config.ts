import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { AREAS } from './areas.mjs'

const area = AREAS[process.env.TEMPERED_AREA as keyof typeof AREAS]

/** The tests of one area. Each file has a process of its own, so that what is computed when a module is loaded is mutated too. */
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: area.tests,
    testTimeout: 60_000,
    env: { NO_COLOR: '1' },
    coverage: {
      provider: 'v8',
      include: area.mutate,
      reporter: ['text'],
    },
  },
})
