// The red team: searches for the attack that harms a rule most, and prints the scenario that shows it.
import { searchAttack } from '@tempered/lab'

const { attacks, worstCase } = await searchAttack(
  { nodes: 6, model: 'softmax', training: { rounds: 2, localSteps: 5 }, rule: 'trimmed-mean' },
  {
    fraction: 0.2,
    budget: 6,
    onTrial: ({ text, harm }, { runs, budget }) =>
      console.error(
        `${runs}/${budget}  ${text}: ${harm === null ? 'failed' : `${(100 * harm).toFixed(1)} %`}`,
      ),
  },
)
for (const { text, harm } of attacks.slice(0, 3))
  console.log(`${(100 * harm).toFixed(1)} % test error at the worst honest node under ${text}`)
console.log(JSON.stringify(worstCase.adversaries))
