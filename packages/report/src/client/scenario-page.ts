import { keepUp, setEmpty } from './charts.js'
import { drawComparison } from './comparison.js'
import { drawLabels } from './labels.js'
import { drawBytes, drawEffort, drawMemory, drawPanels } from './lines.js'
import { drawMetricLines } from './metric-lines.js'
import type { ReportData, RunView } from './report-data.js'
import { drawTopology } from './topology.js'
import { drawBalance } from './tradeoff.js'
import { drawVerdicts } from './verdicts.js'

/** Script of the scenario page: selection of a run, the round slider, all charts. */

/** Milliseconds per round while the slider plays. */
const PLAY_STEP_MS = 700

const data = JSON.parse(element('report-data').textContent ?? '') as ReportData
const controls = element('controls') as HTMLFormElement
const seedSelect = element('seed') as HTMLSelectElement
const slider = element('round') as HTMLInputElement
const playButton = element('play') as HTMLButtonElement

let run: RunView
let playing: ReturnType<typeof setInterval> | undefined

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}

function variantIndex(): number {
  return Number(new FormData(controls).get('variant') ?? 0)
}

/** Fills the list of seeds; keeps the chosen seed if the variant has it. */
function offerSeeds(): void {
  const runs = data.variants[variantIndex()]?.runs ?? []
  const chosen = seedSelect.value
  seedSelect.replaceChildren(...runs.map((offered) => new Option(String(offered.seed), String(offered.seed))))
  if (runs.some((offered) => String(offered.seed) === chosen)) seedSelect.value = chosen
  seedSelect.disabled = runs.length < 2
}

function showRun(): void {
  const runs = data.variants[variantIndex()]?.runs ?? []
  const chosen = runs.find((offered) => String(offered.seed) === seedSelect.value) ?? runs[0]
  if (chosen === undefined) return
  const isFirst = run === undefined
  run = chosen
  const last = Math.max(1, run.rounds.length)
  slider.max = String(last)
  if (isFirst || Number(slider.value) > last) slider.value = String(last)
  slider.disabled = !run.verdicts.complete
  playButton.disabled = !run.verdicts.complete
  setEmpty(run.empty)
  drawMetricLines(run)
  drawVerdicts(run)
  drawPanels(run)
  drawEffort(run)
  drawBytes(run)
  drawMemory(run)
  setEmpty(null)
  drawLabels(run)
  showRound()
}

function showRound(): void {
  const at = Number(slider.value) - 1
  const name = `round ${run.rounds[at] ?? 1} of ${run.rounds.at(-1) ?? 1}`
  element('round-name').textContent = name
  slider.setAttribute('aria-valuetext', name)
  drawTopology(run, at)
}

function setPlaying(on: boolean): void {
  clearInterval(playing)
  playing = on ? setInterval(step, PLAY_STEP_MS) : undefined
  playButton.textContent = on ? 'Pause' : 'Play'
  playButton.setAttribute('aria-pressed', String(on))
}

function step(): void {
  const next = Number(slider.value) + 1
  if (next > Number(slider.max)) {
    setPlaying(false)
    return
  }
  slider.value = String(next)
  showRound()
}

controls.addEventListener('change', () => {
  offerSeeds()
  showRun()
})
controls.addEventListener('submit', (event) => event.preventDefault())
slider.addEventListener('input', () => {
  setPlaying(false)
  showRound()
})
playButton.addEventListener('click', () => {
  if (playing === undefined && slider.value === slider.max) slider.value = '1'
  setPlaying(playing === undefined)
  showRound()
})

offerSeeds()
setEmpty(
  data.variants.every(({ worstByRound }) => worstByRound.length === 0)
    ? (data.variants[0]?.runs[0]?.empty ?? null)
    : null,
)
drawComparison(data.variants)
setEmpty(null)
showRun()
drawBalance(data.balances)
keepUp()
