import { counted } from '@tempered/errors'
import {
  benefitLines,
  costLines,
  divergenceText,
  highLossText,
  isCutShort,
  isDivergence,
  type MeasureName,
  measureInfo,
  measuresOf,
  measureText,
  metricText,
  type RunScore,
  scoredRoundsText,
  secondsNote,
  type Tradeoff,
  unequalText,
} from '@tempered/lab/measures'
import { GROUP_REFUSAL_REMEDY, ISOLATION_REMEDY, UNFIT_REMEDY } from '@tempered/node'
import pc from 'picocolors'
import { table } from './table.js'

/** Scores side by side, one column per run, as lines of text. Names and units come from the table of measures. */
export function renderScores(
  scores: readonly { readonly title: string; readonly score: RunScore }[],
): string[] {
  const row = (name: string, cell: (score: RunScore) => string): string[] => [
    name,
    ...scores.map(({ score }) => cell(score)),
  ]
  const measure = (
    name: MeasureName,
    cell = (score: RunScore): string => measureText(name, measuresOf(score)[name] ?? null),
  ): string[] => row(measureInfo(name).label, cell)
  const withNode =
    (nodeOf: (score: RunScore) => RunScore['worst']) =>
    (score: RunScore): string => {
      const node = nodeOf(score)
      return node === null ? '–' : `${metricText(score.metric, node.value)} (${node.node})`
    }
  const rows = [
    [metricTitle(scores), ...scores.map(({ title }) => title)],
    measure(
      'worstHonestMetric',
      withNode(({ worst }) => worst),
    ),
    measure('meanHonestMetric', ({ metric, mean }) => metricText(metric, mean)),
    measure(
      'bestHonestMetric',
      withNode(({ best }) => best),
    ),
    measure('metricSpread', ({ metric, spread }) => metricText(metric, spread)),
    ...(scores.some(({ score }) => score.asr !== null) ? [measure('asr')] : []),
    ...(scores.some(({ score }) => isCutShort(score)) ? [row('rounds scored', scoredRoundsText)] : []),
    measure('finishedHonest', (score) => `${score.finishedHonest} of ${score.honestNodes}`),
    measure('precision'),
    measure('recall'),
    measure('honestRefused'),
    measure('hostileWeight'),
    measure('bytesPerRound'),
    measure('secondsPerRound'),
    row('ledgers that verify', (score) => `${score.ledgers.valid} of ${score.ledgers.checked}`),
  ]
  const lines = table(rows, new Set(scores.map((_, k) => k + 1)))
  return lines.map((line, k) => (k === 0 ? pc.bold(line) : line))
}

/** Named where it is not accuracy, which needs no name. */
function metricTitle(scores: readonly { readonly score: RunScore }[]): string {
  const names = new Set(scores.map(({ score }) => score.metric.label))
  return names.size === 1 && !names.has('accuracy') ? [...names].join() : ''
}

/**
 * The benefit of each defence next to its cost, with intervals over seeds in brackets, as lines of text; one below the
 * other if the terminal is too narrow. A defence is never shown without its cost.
 */
export function renderBalances(balances: readonly Tradeoff[], width: number, isSimulated: boolean): string[] {
  const lines = balances.flatMap((balance) => {
    const benefits = benefitLines(balance)
    const costs = costLines(balance, isSimulated)
    // Nothing was measured, e.g. because every run diverged.
    if ([...benefits, ...costs].every(({ text }) => text === '–')) return []
    const benefit = [[`benefit of ${balance.rule}`, ''], ...benefits.map(({ label, text }) => [label, text])]
    const cost = [['cost', ''], ...costs.map(({ label, text }) => [label, text])]
    const beside = table(
      Array.from({ length: Math.max(benefit.length, cost.length) }, (_, k) => [
        ...(benefit[k] ?? ['', '']),
        ...(cost[k] ?? ['', '']),
      ]),
      new Set([1, 3]),
    )
    if (beside.every((line) => line.length <= width)) return ['', ...boldFirst(beside)]
    return [benefit, cost].flatMap((side) => ['', ...boldFirst(table(side, new Set([1])))])
  })
  const notes = new Set(balances.flatMap((balance) => secondsNote(balance, isSimulated) ?? []))
  return [
    ...lines,
    ...[...notes].map((note) => pc.dim(note)),
    ...balances.flatMap((balance) => unequalText(balance) ?? []).map(pc.yellow),
  ]
}

function boldFirst([first = '', ...lines]: readonly string[]): string[] {
  return [pc.bold(first), ...lines]
}

/**
 * Ledgers that do not verify, nodes that failed and nodes that were shut out, one line each; nodes whose training
 * diverged together in one line.
 */
export function renderTroubles(score: RunScore, isAttacked: boolean): string[] {
  return [
    ...score.ledgers.bad.map((bad) =>
      pc.red(
        `ledger of ${bad.node}: ${bad.entry < 0 ? 'header or manifest' : `entry ${bad.entry + 1}`}: ${bad.code}: ${bad.message}`,
      ),
    ),
    ...[divergenceText(score.failed) ?? []].flat().map((text) => pc.red(`E_DIVERGED: ${text}`)),
    ...score.failed
      .filter((failure) => !isDivergence(failure))
      .map((failure) => pc.red(`${failure.node} failed: ${failure.code}: ${failure.message}`)),
    ...[highLossText(score.highLoss ?? [], isAttacked) ?? []].flat().map(pc.yellow),
    ...(score.isolated ?? []).map((isolated) => pc.yellow(isolationText(isolated))),
    ...unfitTexts(score.unfit ?? [], score.honestNodes).map(pc.yellow),
  ]
}

/** One line for all steps that did not fit the same number of nodes in the same rounds. */
function unfitTexts(unfit: NonNullable<RunScore['unfit']>, honest: number): string[] {
  const steps = new Map<string, string[]>()
  for (const { step, nodes, from, to } of unfit) {
    const rounds = from === to ? `round ${from + 1}` : `rounds ${from + 1} to ${to + 1}`
    const where = `the models of ${nodes.length} of ${counted(honest, 'honest node')} in ${rounds}`
    steps.set(where, [...(steps.get(where) ?? []), step])
  }
  return [...steps].map(([where, names]) => `${names.join(', ')} did not fit ${where}: ${UNFIT_REMEDY}`)
}

function isolationText({ node, how, from, to }: NonNullable<RunScore['isolated']>[number]): string {
  const rounds = `rounds ${from + 1} to ${to + 1}`
  if (how === 'refused-by-group')
    return `${node}'s model was rejected by the rule of its group in ${rounds}, so the sums lack it: ${GROUP_REFUSAL_REMEDY}`
  return how === 'refuses-all'
    ? `${node} rejected every honest model in ${rounds}, so it trained alone: ${ISOLATION_REMEDY}`
    : `${node}'s model was rejected by all of its neighbours in ${rounds}: ${ISOLATION_REMEDY}`
}
