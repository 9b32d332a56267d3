import { defineConfig } from 'vitest/config'

// Timeouts are generous on purpose: tests wait for events, and a machine can be 20 times slower than usual.
export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts'],
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
