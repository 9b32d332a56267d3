/** A chain on this machine, for demonstrations: anvil, from the package @foundry-rs/anvil of the registry. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { errorMessage } from '@tempered/errors'
import { CliError } from '../errors.js'

export interface LocalChain {
  readonly rpc: string
  stop(): Promise<void>
}

/** Accounts of anvil's own mnemonic, which everybody knows, have 10,000 coins each. */
export async function startLocalChain(accounts: number, blockSeconds: number): Promise<LocalChain> {
  const child = spawn(
    anvilProgram(),
    [
      ...['--host', '127.0.0.1', '--port', '0', '--accounts', String(accounts)],
      ...['--block-time', String(blockSeconds)],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const rpc = await listening(child)
  return {
    rpc,
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** The program of this platform. Throws CliError E_USAGE where it is not installed. */
function anvilProgram(): string {
  try {
    const require = createRequire(import.meta.url)
    const folder = dirname(require.resolve('@foundry-rs/anvil/package.json'))
    const arch = process.arch === 'x64' ? 'amd64' : process.arch
    return createRequire(join(folder, 'package.json')).resolve(
      `@foundry-rs/anvil-${process.platform}-${arch}/bin/anvil`,
    )
  } catch (error) {
    throw new CliError(
      'E_USAGE',
      `the demo needs a local chain: install the package @foundry-rs/anvil alongside tempered (${errorMessage(error).split('\n', 1)[0]})`,
      {},
      error,
    )
  }
}

async function listening(child: ChildProcess): Promise<string> {
  child.once('error', () => undefined)
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = /^Listening on (\S+)$/.exec(line)
    if (found === null) continue
    // What follows must not fill the pipe.
    child.stdout!.resume()
    return `http://${found[1]}`
  }
  throw new CliError('E_NODES_FAILED', 'anvil exited before it started to listen')
}
