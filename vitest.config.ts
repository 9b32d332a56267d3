import { defineConfig } from 'vitest/config'
import { CACHE } from './test-support/cache.js'
import { full } from './test-support/tier.js'

/**
 * They replace modules or globals, register rules, measures and plug-ins, or list all that are registered: each has a
 * process of its own.
 */
const ISOLATED = [
  'packages/cli/test/unit/scenario/files.test.ts',
  'packages/lab/test/e2e/library.test.ts',
  'packages/lab/test/unit/matrix/files.test.ts',
  'packages/lab/test/unit/measures/catalogue.test.ts',
  'packages/lab/test/unit/plugins/*.test.ts',
  'packages/node/test/e2e/private/leaving-bytes.test.ts',
  'packages/node/test/e2e/round/disk-faults.test.ts',
  'packages/robust-agg/test/unit/rules/anchored-memory.test.ts',
  'packages/robust-agg/test/unit/kernels/without-simd.test.ts',
  'packages/robust-agg/test/unit/threads/thread-death.test.ts',
]
const LONG = full ? [] : ['**/*.long.test.ts']

// Timeouts are generous on purpose: tests wait for events, and a machine can be 20 times slower than usual.
const test = {
  testTimeout: 1_200_000,
  hookTimeout: 1_200_000,
  pool: 'forks' as const,
  // What commands print is compared with plain text.
  env: { NO_COLOR: '1', TEMPERED_CACHE: CACHE },
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...test,
          name: 'shared',
          include: ['packages/*/test/**/*.test.ts', 'fuzz/test/*.test.ts'],
          exclude: [...ISOLATED, ...LONG],
          // Loading tfjs, libp2p and zod anew for each of 180 files took longer than most of them.
          isolate: false,
        },
      },
      { test: { ...test, name: 'isolated', include: ISOLATED } },
    ],
  },
})
