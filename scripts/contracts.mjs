// Compiles the contracts of packages/settlement into `src/contracts/artifacts.ts`. With --check nothing is written: the
// exit code is 1 if the file is not what its sources give.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const settlement = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages', 'settlement')
const target = join(settlement, 'src', 'contracts', 'artifacts.ts')
const require = createRequire(join(settlement, 'package.json'))

/** Cancun is what the large networks and their layers run since 2024. */
const SETTINGS = {
  optimizer: { enabled: true, runs: 1000 },
  evmVersion: 'cancun',
  // Neither paths nor a hash of the sources: the bytes depend on code alone.
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
}

/** ABI and bytecode of the contracts of a folder, by name. Throws with the compiler's messages, warnings included. */
export function compileFolder(folder) {
  const solc = require('solc')
  const files = readdirSync(folder).sort()
  const sources = Object.fromEntries(
    files.map((file) => [file, { content: readFileSync(join(folder, file), 'utf8') }]),
  )
  const input = JSON.stringify({ language: 'Solidity', sources, settings: SETTINGS })
  const find = (path) => ({ contents: readFileSync(require.resolve(path), 'utf8') })
  const { errors = [], contracts = {} } = JSON.parse(solc.compile(input, { import: find }))
  if (errors.length > 0)
    throw new Error(
      `the contracts do not compile cleanly:\n${errors.map((one) => one.formattedMessage).join('\n')}`,
    )
  return files.map((file) => {
    const name = file.slice(0, -'.sol'.length)
    const { abi, evm } = contracts[file][name]
    return { name, abi, bytecode: `0x${evm.bytecode.object}` }
  })
}

/** The text of `artifacts.ts`. Throws as `compileFolder`. */
export function buildContracts() {
  const texts = compileFolder(join(settlement, 'contracts')).map(
    ({ name, abi, bytecode }) =>
      `export const ${name} = {\n  abi: ${JSON.stringify(abi)},\n  bytecode:\n    '${bytecode}',\n} as const\n`,
  )
  return `/** The contracts of \`packages/settlement/contracts\`, compiled. Written by \`node scripts/contracts.mjs\`. */\n\n${texts.join('\n')}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = buildContracts()
  if (!process.argv.includes('--check')) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text) {
    console.error('artifacts.ts is not what the contracts give; run node scripts/contracts.mjs')
    process.exitCode = 1
  }
}
