import { defineConfig } from 'vitest/config'
import { full } from './test-support/tier.js'

/** They put their own in the place of modules or globals, so each has a process to itself. */
const ISOLATED = [
  'packages/robust-agg/test/unit/anchored-memory.test.ts',
  'packages/robust-agg/test/unit/kernel-thread-death.test.ts',
  'packages/robust-agg/test/unit/without-simd.test.ts',
]
const LONG = full ? [] : ['**/*.long.test.ts']

// Timeouts are generous on purpose: tests wait for events, and a machine can be 20 times slower than usual.
const test = { testTimeout: 1_200_000, hookTimeout: 1_200_000, pool: 'forks' as const }

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...test,
          name: 'shared',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: [...ISOLATED, ...LONG],
          // Loading tfjs, libp2p and zod anew for each of 180 files took longer than most of them.
          isolate: false,
        },
      },
      { test: { ...test, name: 'isolated', include: ISOLATED } },
    ],
  },
})
