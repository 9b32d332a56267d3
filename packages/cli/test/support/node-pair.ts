import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { callCli } from './call-cli.js'
import { type CliProcess, parseJson, startCli } from './run-cli.js'

/** First dialable address that a node logs. */
export function listening(cli: CliProcess): Promise<string> {
  return cli.line('stderr', (line) => (parseJson(line)?.addresses as string[] | undefined)?.[0])
}

export function roundDone(cli: CliProcess, round: number): Promise<true> {
  return cli.line('stdout', (line) => (parseJson(line)?.round === round + 1 ? true : undefined))
}

/** Node folders with these names in one run under plain averaging of a small model. */
export async function initNodes(
  folder: string,
  names: readonly string[],
  rounds: number | 'open',
  more: readonly string[] = [],
): Promise<void> {
  const local = ['--listen', '/ip4/127.0.0.1/tcp/0']
  for (const [k, name] of names.entries()) {
    const made = await callCli(['node', 'init', name, ...local, '--part', `${k}/${names.length}`], folder)
    expect(made.code).toBe(0)
  }
  const members = names.flatMap((name) => ['--member', name])
  const fixed = ['--model', 'softmax', '--rule', 'average', '--local-steps', '5', '--rounds', String(rounds)]
  const made = await callCli(['manifest', 'create', ...members, ...fixed, ...more], folder)
  expect(made.code).toBe(0)
}

/** Replaces a line of a node's configuration. */
export async function configure(
  folder: string,
  node: string,
  from: string | RegExp,
  to: string,
): Promise<void> {
  const path = join(folder, node, 'node.yaml')
  const text = await readFile(path, 'utf8')
  const changed = text.replace(from, to)
  expect(changed).not.toBe(text)
  await writeFile(path, changed)
}

export const setBootstrap = (folder: string, node: string, address: string): Promise<void> =>
  configure(folder, node, 'bootstrap: []', `bootstrap: [${address}]`)

export const startNode = (
  folder: string,
  node: string,
  environment: Readonly<Record<string, string>> = {},
): CliProcess => startCli(['node', 'start', '--config', `${node}/node.yaml`, '--json'], folder, environment)
