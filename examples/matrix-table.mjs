// A matrix of rules and attacks, read back from its folder as a table. Finished cells are kept: run it again, and it ends
// at once.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readMatrix, runMatrix } from '@tempered/lab'

const folder = await mkdtemp(join(tmpdir(), 'tempered-example-'))
await runMatrix(
  {
    name: 'small',
    scenario: { nodes: 8, model: 'softmax', training: { rounds: 3, localSteps: 5 } },
    axes: { rules: ['median', 'multi-krum'], attacks: ['sign-flip-model', 'alie'], fractions: [0.25] },
    controls: { honest: true, undefended: true, baseline: false },
  },
  { folder, onCell: ({ id }, { finished, total }) => console.error(`${finished}/${total}  ${id}`) },
)

const { cells } = await readMatrix(folder)
const rules = [...new Set(cells.map(({ rule }) => rule))]
const attacks = [...new Set(cells.map(({ attack }) => attack))]
const cellText = (rule, attack) => {
  const cell = cells.find((one) => one.rule === rule && one.attack === attack)
  return cell?.measures ? `${(100 * cell.measures.worstHonestAccuracy).toFixed(1)} %` : '–'
}
console.log('worst honest node')
console.table(
  Object.fromEntries(
    rules.map((rule) => [
      rule,
      Object.fromEntries(attacks.map((attack) => [attack, cellText(rule, attack)])),
    ]),
  ),
)
await rm(folder, { recursive: true })
