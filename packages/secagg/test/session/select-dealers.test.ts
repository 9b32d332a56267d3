import { type GroupWordBody, signGroupWord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { mayBeOpened } from '../../src/session/decide.js'
import { checkPrivacy } from '../../src/session/private-group.js'
import { selectDealers } from '../../src/session/select-dealers.js'
import { GroupWords } from '../../src/session/words.js'
import { play } from '../support/play.js'
import { privateRun, signerOf } from '../support/private-run.js'

const RUN = privateRun({ members: 9, privacy: { rule: { name: 'balance', params: { gamma: 1000 } } } })
const { group, sessions } = play(RUN)
// What each has said itself: one that the others have overtaken may lack theirs.
const ANSWERS = sessions.map(({ words }, member) => words.of('answers').get(member)!.body)
const all = Array.from({ length: 9 }, (_, k) => k)

/** What is selected when each member's answers are changed. */
function selected(
  change: (answers: (typeof ANSWERS)[number], member: number) => (typeof ANSWERS)[number] | undefined,
) {
  const words = new GroupWords(group)
  for (const [member, answers] of ANSWERS.entries()) {
    const changed = change(answers, member)
    if (changed !== undefined) words.add(signGroupWord(changed as GroupWordBody, signerOf(member)))
  }
  return selectDealers(group, words)
}

const without = (answers: (typeof ANSWERS)[number], ...dealers: number[]) => ({
  ...answers,
  about: answers.about.filter(({ dealer }) => !dealers.includes(dealer)),
})

describe('who is selected', () => {
  it('is everybody, when all have answered about all', () => {
    expect(selected((answers) => answers)).toMatchObject({
      dealers: all,
      holders: all,
      disputes: [],
      refused: [],
    })
  })

  it('is everybody but a dealer that has given its shares to some only', () => {
    const { dealers, holders } = selected((answers, member) => (member < 4 ? without(answers, 6) : answers))
    expect(dealers).toEqual(all.filter((dealer) => dealer !== 6))
    expect(holders).toEqual(all)
  })

  it('leaves no honest dealer out for two holders that say nothing about it', () => {
    const { dealers, holders } = selected((answers, member) =>
      member < 2 ? without(answers, 5, 6, 7) : answers,
    )
    expect(dealers).toEqual(all)
    expect(holders).toEqual(all.slice(2))
  })

  it('refuses whom three refuse, and not whom two refuse, as two may lie', () => {
    const refusing = (count: number) =>
      selected((answers, member) => (member < count ? { ...answers, refused: [8, 8] } : answers))
    expect(refusing(2)).toMatchObject({ dealers: all, refused: [] })
    expect(refusing(3)).toMatchObject({ dealers: all.slice(0, 8), holders: all.slice(0, 8), refused: [8] })
  })

  it('is nobody, when fewer have answered than must agree', () => {
    expect(selected((answers, member) => (member < 6 ? answers : undefined))).toMatchObject({
      ...{ dealers: [], holders: [], refused: [], disputes: [] },
    })
  })

  it('counts the dealing that most have answered about, when a dealer has signed several', () => {
    const other = new Uint8Array(32).fill(9)
    const { dealers, holders } = selected((answers, member) =>
      member < 2
        ? {
            ...answers,
            about: answers.about.map((about) => (about.dealer === 4 ? { ...about, deal: other } : about)),
          }
        : answers,
    )
    expect(dealers).toEqual(all)
    expect(holders).toEqual(all.slice(2))
  })

  it('takes no notice of answers of another length, or of places that do not exist', () => {
    const { dealers } = selected((answers, member) =>
      member === 0
        ? {
            ...answers,
            about: [
              ...answers.about.map((about) => ({ ...about, values: about.values.subarray(8) })),
              { ...answers.about[0], dealer: 40 },
            ],
          }
        : answers,
    )
    expect(dealers).toEqual(all)
  })
})

describe('whether a sum may be opened', () => {
  it.each([
    [[1, 1, 1, 1], true],
    [[1, 1, 1, 0], false],
    [[2, 1, 1, 1], false],
    [[64, 64, 64, 64, 60], true],
    [[64, 1, 1, 1, 1], false],
    [Array.from({ length: 40 }, () => 64), false],
    [[], false],
  ])('with weights %j: %s', (weights, may) => expect(mayBeOpened(weights, 4)).toBe(may))
})

describe('what is refused before a run begins', () => {
  const check = (privacy: Partial<NonNullable<typeof RUN.manifest.privacy>>, more = {}) =>
    checkPrivacy({
      privacy: { ...RUN.manifest.privacy!, group: 9, ...privacy },
      ...{
        members: 9,
        seed: 1,
        parameterCount: 40,
        hasChain: false,
        hasContribution: false,
        sharedAmong: undefined,
      },
      ...more,
    })
  it.each([
    ['a threshold of a third', { threshold: 3 }, {}, /takes 10 members, .* lower the threshold to 2 at most/],
    ['a threshold of half', { threshold: 5 }, {}, /takes 11 members to open a distance/],
    ['too small a group for the rule', { rule: { name: 'multi-krum', params: { f: 4 } } }, {}, /take 11/],
    ['a chain', {}, { hasChain: true }, /common chain/],
    ['contribution', {}, { hasContribution: true }, /contributions/],
    ['a rule that needs models', { rule: { name: 'median', params: {} } }, {}, /no rule 'median'/],
    ['noise of more than are honest', {}, { sharedAmong: 8 }, /take 10/],
    ['no rule', { rule: undefined }, {}, /privacy\.rule is missing/],
    ['a rule for masks', { mode: 'masks' as const }, {}, /leave out privacy\.rule \(balance\)/],
    ['masks', { mode: 'masks' as const, rule: undefined }, {}, undefined],
    [
      'masks with a threshold of half',
      { mode: 'masks' as const, rule: undefined, threshold: 5 },
      {},
      /lower the threshold to 4/,
    ],
    [
      'masks with noise of more than are honest',
      { mode: 'masks' as const, rule: undefined },
      { sharedAmong: 8 },
      /a threshold of 2, which takes 10/,
    ],
    ['groups above the limit', { group: 24 }, { members: 100 }, undefined],
    ['groups above the limit', { group: 40 }, { members: 79 }, /at most 48/],
  ])('%s', (_, privacy, more, message) => {
    if (message === undefined) expect(() => check(privacy, more)).not.toThrow()
    else expect(() => check(privacy, more)).toThrow(message)
  })
})
