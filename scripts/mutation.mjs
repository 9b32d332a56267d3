// `pnpm mutation AREA...` tests the tests of mutation/areas.mjs: changes the code bit by bit and counts the changes that a test
// notices. `pnpm coverage AREA...` (this script with --coverage first) counts lines and branches that they reach.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AREAS } from '../mutation/areas.mjs'
import { root, setup } from './setup.mjs'

const given = process.argv.slice(2)
const isCoverage = given[0] === '--coverage'
const names = given.filter((name) => !name.startsWith('--'))
const unknown = names.find((name) => AREAS[name] === undefined)
if (unknown !== undefined) {
  console.error(`no area ${unknown}; known are ${Object.keys(AREAS).join(', ')}`)
  process.exit(2)
}
await setup()
const configFile = join('mutation', 'vitest.config.ts')
for (const name of names.length > 0 ? names : Object.keys(AREAS)) {
  const env = { ...process.env, TEMPERED_AREA: name }
  const run = (...command) =>
    spawnSync(process.execPath, command, { cwd: root, env, stdio: 'inherit' }).status ?? 1
  if (isCoverage) {
    const vitest = join('node_modules', 'vitest', 'vitest.mjs')
    process.exitCode ||= run(vitest, 'run', '--config', configFile, '--coverage')
    continue
  }
  const config = join(root, 'node_modules', `.tempered-mutation-${name}.json`)
  const options = {
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile, related: false },
    mutate: AREAS[name].mutate,
    // The packages of the workspace find each other by links, which a copy would not have.
    inPlace: true,
    concurrency: 2,
    // Types are not checked anyway.
    disableTypeChecks: false,
    // What runs when a module is loaded, such as a schema, would need all tests for each change.
    ignoreStatic: true,
    // Words of messages are for people; what they say is not tested word by word.
    mutator: { excludedMutations: ['StringLiteral'] },
    thresholds: { high: 95, low: 85, break: 85 },
    reporters: ['clear-text', 'progress-append-only'],
    clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
    tempDirName: 'node_modules/.stryker',
    ...JSON.parse(process.env.TEMPERED_STRYKER ?? '{}'),
  }
  writeFileSync(config, JSON.stringify(options))
  process.exitCode ||= run(
    join('node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js'),
    'run',
    config,
  )
}
