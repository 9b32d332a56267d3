import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { localAccountKey } from '@tempered/settlement'
import { expect } from 'vitest'
import type { TestChain } from '../../../settlement/test/support/anvil.js'
import { callCli } from './call-cli.js'

/** The stdout of a command that must succeed. */
export async function good(args: readonly string[], folder: string): Promise<string> {
  const { code, stdout, stderr } = await callCli(args, folder)
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

/** A key file of an account that has coins on every test chain. */
export async function keyFile(folder: string, name: string, index: number): Promise<void> {
  await writeFile(join(folder, name), `${localAccountKey(index)}\n`, { mode: 0o600 })
}

/** The lines of a node's configuration that name a chain. */
export const settlementText = (
  { url }: Pick<TestChain, 'url'>,
  contracts: string,
  key = 'account.key',
  more = '',
): string =>
  `settlement: { rpc: "${url}", chainId: 31337, contracts: ${contracts}, key: ${key}, anchorEvery: 2, confirmations: 0${more} }\n`

/** Nodes with accounts on one chain, whose contracts the first test that needs them deploys. */
export function stakedNodes(chainOf: () => TestChain) {
  let deployed: string | undefined
  return {
    /** Writes `settlement.json` into a folder. */
    async deploy(folder: string): Promise<void> {
      const file = join(folder, 'settlement.json')
      if (deployed !== undefined) return writeFile(file, deployed)
      await keyFile(folder, 'deployer.key', 0)
      const args = [
        'settlement',
        'deploy',
        '--rpc',
        chainOf().url,
        '--key',
        'deployer.key',
        '--unbonding',
        '100',
      ]
      await good([...args, '--appeal', '10', '--minimum-stake', '0.5'], folder)
      deployed = await readFile(file, 'utf8')
    },
    /** Makes a folder `name` with a node whose account has coins. */
    async initStaker(folder: string, name: string, index: number, listen = 0): Promise<void> {
      await good(['node', 'init', name, '--listen', `/ip4/127.0.0.1/tcp/${listen}`], folder)
      await keyFile(join(folder, name), 'account.key', index)
      const path = join(folder, name, 'node.yaml')
      const text = await readFile(path, 'utf8')
      await writeFile(
        path,
        text.replace(/^manifest:\n.*\n/m, '').concat(settlementText(chainOf(), '../settlement.json')),
      )
    },
  }
}
