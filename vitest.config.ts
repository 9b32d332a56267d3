import { defineConfig } from 'vitest/config'

// Timeouts are generous on purpose: tests wait for events, and CI machines can be 20 times slower than a desk.
export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
