/**
 * Two tiers of tests. `npm test` runs the quick one: a small case of everything. `npm run test:all` runs everything at
 * full size, and the files named `*.long.test.ts` as well. `scripts/test.mjs` sets the variable.
 */
export const full: boolean = process.env.TEMPERED_TESTS === 'all'

/** How much of something a test does: in the quick tier, and in the full one. */
export const sized = <T>(quick: T, all: T): T => (full ? all : quick)

/**
 * How far apart the bytes are that a test damages one after the other: all of them in the full tier. The quick step is
 * prime, so it falls on other places of each field.
 */
export const byteStep: number = sized(97, 1)
