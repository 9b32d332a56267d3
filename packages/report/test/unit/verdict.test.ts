import { type Estimate, type Tradeoff, tradeoffOf } from '@tempered/lab/measures'
import { metricOf } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { type VerdictInput, verdictText } from '../../src/verdict.js'

const at = (mean: number, low: number | null = null, high: number | null = null): Estimate => ({
  mean,
  low,
  high,
  values: [mean],
})

const balance = (gained: Estimate | null, lost: Estimate | null, refused: Estimate | null): Tradeoff => {
  const empty = tradeoffOf({ rule: 'balance' })
  return {
    ...empty,
    benefit: { ...empty.benefit, worstGained: gained },
    cost: { ...empty.cost, worstLost: lost, honestRefused: refused },
  }
}

const full: VerdictInput = {
  nodes: 10,
  rounds: 16,
  seeds: 3,
  attackers: [{ attack: 'ipm', rounds: null, count: 2, names: ['node-03', 'node-07'] }],
  rule: 'balance',
  metric: metricOf('accuracy'),
  attacked: at(0.826),
  undefended: at(0.197),
  honest: at(0.84),
  baseline: at(0.852),
  balance: balance(at(0.629, 0.6, 0.65), at(0.012, 0.01, 0.02), at(0.03)),
}

describe('verdictText', () => {
  it('says who attacked and how, what the defence did and what it cost', () => {
    expect(verdictText(full)).toBe(
      '2 of 10 nodes attacked with ipm (node-03 and node-07), over 16 rounds and 3 seeds. ' +
        'With balance, the worst honest node ended at 82.6 % instead of the 19.7 % of plain averaging: 62.9 points gained. ' +
        'Without attackers it cost 1.2 points at the worst honest node; it rejected 3.0 % of the honest models that reached honest nodes.',
    )
  })

  it('names the other rules of the scenario', () => {
    const others = [
      { rule: 'krum', attacked: at(0.5) },
      { rule: 'median', attacked: at(0.7) },
    ]
    expect(verdictText({ ...full, others })).toMatch(
      /Under attack the worst honest node ended at 50\.0 % with krum and 70\.0 % with median\.$/,
    )
  })

  it('does not call a loss a success', () => {
    const text = verdictText({ ...full, balance: balance(at(-0.1, -0.2, -0.05), null, null) })
    expect(text).toContain('10.0 points lost; the defence did not help.')
  })

  it('says when the seeds do not agree', () => {
    const text = verdictText({ ...full, balance: balance(at(0.1, -0.2, 0.3), at(0.1, -0.1, 0.2), null) })
    expect(text).toContain('10.0 points gained, but the seeds do not agree on the sign.')
    expect(text).toContain(
      'cost 10.0 points at the worst honest node, though the seeds do not agree on the sign',
    )
  })

  it('claims no comparison where there is none', () => {
    const alone = {
      ...full,
      undefended: null,
      honest: null,
      baseline: null,
      balance: balance(null, null, null),
    }
    expect(verdictText(alone)).toContain('there is no undefended run to compare it with')
    const quiet = { ...alone, attackers: [], attacked: null, honest: at(0.9), seeds: 1 }
    expect(verdictText(quiet)).toBe(
      'None of the 10 nodes attacked over 16 rounds. With balance the worst honest node ended at 90.0 %.',
    )
    const plain = { ...alone, attacked: null, undefended: at(0.2), seeds: 1 }
    expect(verdictText(plain)).toContain('Under plain averaging the worst honest node ended at 20.0 %.')
  })

  it('says in which rounds they attacked, when it was not in all', () => {
    const during = (rounds: VerdictInput['attackers'][number]['rounds']) =>
      verdictText({ ...full, attackers: [{ attack: 'ipm', rounds, count: 1, names: ['node-03'] }] })
    expect(during({ from: 4, to: null })).toMatch(/with ipm \(node-03, from round 4 on\), over/)
    expect(during({ from: 4, to: 8 })).toMatch(/\(node-03, in rounds 4 to 8\)/)
    expect(during({ from: 4, to: 4 })).toMatch(/\(node-03, in round 4\)/)
  })
})
