import { setMaxListeners } from 'node:events'
import { lockState, sleep, systemClock } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { weiOf } from '../config/coins.js'
import { namedIn } from '../config/named-in.js'
import { loadNodeConfig } from '../config/node-config.js'
import { readNodeKeys } from '../config/node-keys.js'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { type NodeWatch, watchAddresses, watchNode } from '../operate/watch-node.js'
import { createJobSite, jobsFolder } from '../settlement/job-site.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { configSettings, openPatiently } from '../settlement/open-settlement.js'
import { openNodeLog } from './node-logger.js'
import { type NodePart, ordinaryPart } from './node-open.js'
import type { NodeStartOptions } from './node-start.js'

/** Between two polls of the chain, in ms. */
const POLL_MS = 2_000

/** `tempered node start --serve-jobs`: accepts paid jobs until a signal arrives. */
export async function nodeServe(options: NodeStartOptions, part: NodePart = ordinaryPart): Promise<void> {
  const config = await loadNodeConfig(options.config)
  checkServing(options)
  const addresses = watchAddresses(options, config)
  const { logger, reopen } = await openNodeLog(config, options.logFile)
  const identity = await namedIn(config.file, { E_KEY: ['key'] }, () => readNodeKeys(config))
  const settings = await configSettings(config)
  const { createJobBoard, JobWorker } = await loadSettlement()
  const stopping = new AbortController()
  // Everything that waits listens to it.
  setMaxListeners(0, stopping.signal)
  const interruption = onInterrupt(async () => {
    logger.info('stopping')
    stopping.abort(new DOMException('stopped by a signal', 'AbortError'))
  }, reopen)
  let watch: NodeWatch | undefined
  const log = (level: 'info' | 'warn', what: string): void => logger[level]({ component: 'jobs' }, what)
  const jobs = jobsFolder(config)
  await makeFolder(config.state)
  await makeFolder(jobs)
  // One process per folder: a second one would accept jobs with the same account.
  const unlock = await namedIn(config.file, { E_STATE_IN_USE: ['state'] }, () => lockState(config.state))
  try {
    watch = await namedIn(config.file, { E_LISTEN: ['operate', 'http'] }, () =>
      watchNode(config, addresses, logger, jobs),
    )
    const site = createJobSite({
      ...{ config, identity, key: settings.key, logger, part, watch },
      backend: options.backend ?? config.backend,
      json: options.json === true,
    })
    await watch.waiting('the chain')
    const opened = await openPatiently(settings, (what) => log('warn', what), stopping.signal)
    if (opened === undefined) return
    const { client, outbox, place } = opened
    const { anchorEvery, jobs: accepted } = config.settlement!
    const worker = new JobWorker({
      ...{ client, outbox, site, anchorEvery, log },
      board: createJobBoard(client, place.fromBlock),
      policy: {
        leastFee: weiOf(accepted.leastFee),
        mostStake: weiOf(accepted.mostStake),
        mostRounds: accepted.mostRounds,
        mostParameters: accepted.mostParameters,
        mostSamples: accepted.mostSamples,
        mostSeconds: Math.ceil(accepted.mostDays * 86_400),
        mostWaitSeconds: Math.ceil(accepted.mostWaitHours * 3_600),
      },
      from: place.fromBlock,
      signal: stopping.signal,
      pollMs: POLL_MS,
      sleep: (ms, signal) => sleep(systemClock, ms, signal),
      now: systemClock.wallMs,
    })
    log('info', `accepting jobs on chain ${place.chainId} with account ${client.wallet.account.address}`)
    stopping.signal.addEventListener('abort', () => outbox.close(), { once: true })
    await watch.waiting('a job')
    await worker.run()
  } finally {
    await watch?.close()
    await unlock()
    interruption.dispose()
    if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  }
}

function checkServing({ evidence, stay }: NodeStartOptions): void {
  if (evidence !== undefined)
    throw new CliError('E_USAGE', '--evidence has no effect with --serve-jobs; leave one of them out')
  if (stay === true) throw new CliError('E_USAGE', '--stay has no effect with --serve-jobs; leave it out')
}
