import { relative } from 'node:path'
import { newRunPath, requireValidLedgers, startRecordedRun } from '@tempered/lab/run'
import { demoScenarios, loadScenarioSource, planRun } from '@tempered/lab/scenario'
import { percent } from '@tempered/lab/text'
import { type BackendChoice, cacheFolder } from '@tempered/train'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { createProgress } from '../terminal/create-progress.js'
import { renderScores, renderTroubles } from '../terminal/summary.js'

export interface DemoOptions {
  readonly seed: number
  readonly rounds: number
  readonly backend: BackendChoice
  readonly out: string
}

/** `tempered demo`: two clusters at once, one host process each; exit code 0 only if the defence works. */
export async function demo(options: DemoOptions): Promise<void> {
  const { undefended, defended } = demoScenarios(options)
  const progress = createProgress(process.stderr, process.stdout)
  const cache = cacheFolder()
  const data = await loadScenarioSource(undefended, cache)
  const plans = [undefended, defended].map((scenario) => planRun(scenario, data))
  const base = newRunPath(options.out, 'demo', new Date())
  progress.note(
    `Ten nodes on this machine train on ${data.train?.count ?? 0} handwritten digits, each on its own skewed share.\n` +
      `Two of them send poisoned models (${undefended.adversaries[0]?.attack.name}). The same run twice: ` +
      `${pc.bold('average')} accepts everything, ${pc.bold('balance')} filters. Results: ${relative('.', base)}`,
  )
  let noticed = false
  const runs = await Promise.all(
    plans.map(async (plan) => {
      const run = await startRecordedRun({
        plan,
        folder: `${base}/${plan.run.manifest.rule.name}`,
        cacheFolder: cache,
        workers: 1,
        logLevel: 'info',
        onEvent(event, elapsedMs) {
          if (event.type === 'ready' && !noticed) {
            noticed = true
            progress.note(pc.dim(event.notice))
          }
          // Events that arrive while the run is still being set up also belong to it.
          queueMicrotask(() => progress.event(run, event, elapsedMs))
        },
      })
      return run
    }),
  )
  progress.watch(...runs)
  const interruption = onInterrupt(async () => {
    await Promise.all(runs.map((run) => run.stop()))
  })
  const scores = await Promise.all(runs.map((run) => run.finish()))
  interruption.dispose()
  progress.close()
  if (interruption.exitCode !== undefined) {
    process.stderr.write(`stopped; partial results are in ${relative('.', base)}\n`)
    process.exitCode = interruption.exitCode
    return
  }

  const [withoutDefence, withDefence] = scores as [(typeof scores)[0], (typeof scores)[0]]
  const lines = [
    '',
    ...renderScores([
      { title: 'average (no defence)', score: withoutDefence },
      { title: 'BALANCE', score: withDefence },
    ]),
    ...scores.flatMap((score) => renderTroubles(score, true)),
    '',
    `results: ${relative('.', base)}   inspect one: ./tempered ledger show ${relative('.', base)}/balance/nodes/node-00`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  for (const [k, score] of scores.entries()) requireValidLedgers(score, plans[k]!)
  const gain = (withDefence.worst?.value ?? 0) - (withoutDefence.worst?.value ?? 1)
  if (!(gain > 0)) {
    throw new CliError(
      'E_GOAL_MISSED',
      `the defended run's worst honest node (${percent(withDefence.worst?.value)}) is not better than ` +
        `the undefended one's (${percent(withoutDefence.worst?.value)})`,
    )
  }
}
