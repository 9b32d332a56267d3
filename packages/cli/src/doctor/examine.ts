import type { Identity } from '@tempered/node'
import { errorCode, errorMessage } from '@tempered/node/errors'
import { loadNodeConfig, type NodeConfig } from '../config/node-config.js'
import { askStatus } from '../operate/ask-status.js'
import type { StatusDocument } from '../operate/status-document.js'
import { checkAddresses } from './check-addresses.js'
import { checkBootstrap } from './check-bootstrap.js'
import { checkClock } from './check-clock.js'
import { checkData } from './check-data.js'
import { checkDisk } from './check-disk.js'
import { checkKey } from './check-key.js'
import { checkLimits } from './check-limits.js'
import { checkRound } from './check-round.js'
import { checkRun } from './check-run.js'
import { checkState } from './check-state.js'
import { type Finding, findingsOf, type Patient } from './finding.js'

/** Examines a node folder and, if its node runs, the node. Changes nothing, and says hello to nobody. */
export async function examine(folder: string): Promise<Finding[]> {
  const { ok, problem } = findingsOf('configuration')
  let config: NodeConfig
  try {
    config = await loadNodeConfig(folder)
  } catch (error) {
    return [
      problem(
        `${errorCode(error)}: ${errorMessage(error)}`,
        'correct the file, or make a folder with `tempered node init`',
      ),
    ]
  }
  const { findings: ofKey, identity } = await checkKey(config)
  const { findings: ofRun, run } = await checkRun(config, identity?.signer.peerId)
  const running = await runningNode(config)
  const patient: Patient = { config, identity, run, running }
  return [
    ok(`${config.file} can be read: node ${config.name}`),
    ...ofKey,
    ...ofRun,
    ...(await checkState(patient)),
    ...(await checkData(patient)),
    ...(await checkDisk(patient)),
    ...checkLimits(patient),
    ...checkClock(patient),
    ...checkRound(patient),
    ...(await checkAddresses(patient)),
    ...(await checkBootstrap(patient)),
    ...ownKeyFinding(identity, running),
  ]
}

/** A node that does not answer is the concern of the check of its state folder. */
async function runningNode({ state }: NodeConfig): Promise<StatusDocument | undefined> {
  try {
    return await askStatus(state)
  } catch {
    return undefined
  }
}

function ownKeyFinding(identity: Identity | undefined, running: StatusDocument | undefined): Finding[] {
  const { warning } = findingsOf('key')
  if (identity === undefined || running === undefined || running.peer === identity.signer.peerId) return []
  return [
    warning(
      `the node that runs has the key of ${running.peer}, not the one in this folder`,
      'start it again if the key was changed on purpose; otherwise restore the key',
    ),
  ]
}
