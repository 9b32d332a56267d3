import { setTimeout as pause } from 'node:timers/promises'
import { loadNodeConfig, type NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { askProcess } from '../operate/ask-status.js'
import { readStopped } from '../operate/stopped-node.js'
import { idleText, statusText } from '../terminal/status-text.js'
import { stoppedText } from '../terminal/stopped-text.js'

export interface StatusOptions {
  readonly json?: boolean
  /** Shows the status again every so many seconds. */
  readonly watch?: number | true
}

const WATCH_SECONDS = 2

/**
 * `tempered status`: the state of the node that runs on a node folder. Throws E_NOT_RUNNING (exit 10) if none does, after
 * what its ledger says was printed.
 */
export async function status(folder: string, { json = false, watch }: StatusOptions): Promise<void> {
  const config = await loadNodeConfig(folder)
  if (watch === undefined) {
    await showOnce(config, json)
    return
  }
  const seconds = watch === true ? WATCH_SECONDS : watch
  for (;;) {
    if (!json && process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[H')
    await showOnce(config, json)
    await pause(1000 * seconds)
  }
}

async function showOnce(config: NodeConfig, json: boolean): Promise<void> {
  const found = await askProcess(config.state)
  if (found !== undefined) {
    const [document, text] =
      'status' in found ? [found.status, statusText(found.status)] : [found.idle, idleText(found.idle)]
    process.stdout.write(json ? `${JSON.stringify({ running: true, ...document })}\n` : `${text}\n`)
    return
  }
  const stopped = await readStopped(config)
  process.stdout.write(
    json ? `${JSON.stringify({ running: false, ...stopped })}\n` : `${stoppedText(stopped)}\n`,
  )
  throw new CliError(
    'E_NOT_RUNNING',
    `no node runs on ${config.state}; start it with: tempered node start --config ${config.file}`,
    { state: config.state },
  )
}
