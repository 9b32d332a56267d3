import { describe, expect, it } from 'vitest'
import { type Answer, isParcel, openParcel } from '../../src/dealing/answer.js'
import { dealModel } from '../../src/dealing/deal-model.js'
import { judgeDealing } from '../../src/dealing/judge-dealing.js'
import { add, elementOf, multiply, P } from '../../src/field/field.js'
import { answersOf, CONTEXT, dealt, heldBy, kernels, planOf } from '../support/group.js'
import { streamOf } from '../support/random.js'

const SOUND = { fault: undefined, deviating: [] }

describe('a dealing', () => {
  it.each([
    ['seven, threshold two', {}],
    ['nine, threshold two', { members: 9 }],
    ['four, threshold one, nobody to spare', { members: 4, threshold: 1 }],
    ['eleven, two secrets at once', { members: 11, threshold: 2, packed: 2 }],
    ['a length that two secrets do not divide', { members: 11, threshold: 2, packed: 2, parameterCount: 97 }],
  ])('of an honest member is sound for %s', (_, init) => {
    const plan = planOf(init)
    for (let dealer = 0; dealer < plan.scheme.members; dealer++) {
      const { dealing } = dealt(plan, dealer, 10 * dealer)
      for (const [member, parcel] of dealing.parcels.entries())
        expect(isParcel(parcel, dealing.hashes[member])).toBe(true)
      expect(judgeDealing(plan, answersOf(heldBy(plan, dealer, dealing)))).toEqual(SOUND)
    }
  })

  it('is sound although some say nothing and one lies about each kind of value, who is named', () => {
    const plan = planOf({ members: 9 })
    const { dealing } = dealt(plan, 0, 1)
    const answers = answersOf(heldBy(plan, 0, dealing))
    const lies: ((answer: Answer) => Answer)[] = [
      (answer) => ({ ...answer, degree: [add(answer.degree[0], 1n), answer.degree[1]] }),
      (answer) => ({ ...answer, degree: [answer.degree[0], 5n] }),
      (answer) => ({ ...answer, nothing: add(answer.nothing, 1n) }),
      (answer) => ({
        ...answer,
        range: answer.range.map((value, row) => (row === 63 ? add(value, 1n) : value)),
      }),
    ]
    for (const lie of lies) {
      const said = new Map(answers).set(3, lie(answers.get(3)!))
      expect(judgeDealing(plan, said)).toEqual({ fault: undefined, deviating: [3] })
      // Two liars and all there: still seven that agree.
      said.set(4, lie(answers.get(4)!))
      expect(judgeDealing(plan, said)).toEqual({ fault: undefined, deviating: [3, 4] })
    }
    const quiet = new Map(answers)
    for (const member of [1, 6]) quiet.delete(member)
    expect(judgeDealing(plan, quiet)).toEqual(SOUND)
    // With six that agree nothing is found, and nobody is blamed: two of them may lie.
    expect(judgeDealing(plan, new Map(quiet).set(3, lies[0](quiet.get(3)!)))).toEqual({
      fault: 'too-few-answers',
      deviating: [],
    })
    quiet.delete(2)
    expect(judgeDealing(plan, quiet)).toMatchObject({ fault: 'too-few-answers' })
  })

  it('is found inconsistent only where two liars could not have made it look so', () => {
    const plan = planOf({ members: 9 })
    const { dealing } = dealt(plan, 0, 1)
    const strange = dealt(plan, 0, 77).dealing
    const mixed = dealing.parcels.map((parcel, member) => (member < 4 ? parcel : strange.parcels[member]))
    const answers = answersOf(heldBy(plan, 0, { ...dealing, parcels: mixed }))
    expect(judgeDealing(plan, answers)).toEqual({ fault: 'inconsistent', deviating: [] })
  })

  it('with another share for one member leaves that one deviating, whose parcel shows the dealer’s hash', () => {
    const plan = planOf({ members: 9 })
    const { dealing } = dealt(plan, 0, 1)
    // Of those that get elements.
    const bent = dealing.parcels.map((parcel, member) => {
      if (member !== 4) return parcel
      const vector = parcel.vector.slice()
      vector[8] ^= 1
      return { ...parcel, vector }
    })
    const held = heldBy(plan, 0, { ...dealing, parcels: bent })
    expect(judgeDealing(plan, answersOf(held))).toEqual({ fault: undefined, deviating: [4] })
  })

  it('whose shares lie on no polynomial is refused', () => {
    const plan = planOf()
    const { dealing } = dealt(plan, 0, 1)
    const strange = dealt(plan, 0, 77).dealing
    const mixed = dealing.parcels.map((parcel, member) => (member < 3 ? parcel : strange.parcels[member]))
    const held = heldBy(plan, 0, { ...dealing, parcels: mixed })
    expect(judgeDealing(plan, answersOf(held))).toMatchObject({ fault: 'inconsistent' })
  })

  it('of a vector that is too long is refused, also of one whose square wraps to 0', () => {
    const plan = planOf()
    const d = plan.encoding.parameterCount
    const zero = new BigUint64Array(d)
    // 1² + i² = 0 for a square root i of −1 … which this p ≡ 3 mod 4 has not; a² + b² = −1 it has.
    const [a, b] = sumOfSquares(P - 1n)
    expect(add(add(multiply(a, a), multiply(b, b)), 1n)).toBe(0n)
    const scale = 1n << 40n
    const wrapping = zero.slice()
    for (const [k, value] of [scale, multiply(a, scale), multiply(b, scale)].entries()) wrapping[k] = value
    expect(kernels.pairwiseSquaredDistances([wrapping, zero])).toEqual([0n])
    const huge = zero.slice().fill(elementOf(-(1n << 55n)))
    for (const elements of [wrapping, huge]) {
      // A liar does not draw again until its masks fit, since they never would: it takes the first.
      const patient = { ...plan, bounds: { ...plan.bounds, opened: P } }
      const dealing = dealModel(patient, elements, 0, CONTEXT, streamOf(5), kernels)
      const answers = answersOf(heldBy(plan, 0, dealing))
      expect(judgeDealing(plan, answers)).toMatchObject({ fault: 'out-of-range' })
    }
  })

  it('of a vector as long as the range is sound, however often it is dealt, and one of 5,800 times that never is', () => {
    const plan = planOf()
    const d = plan.encoding.parameterCount
    const each = BigInt(Math.floor(plan.encoding.length / Math.sqrt(d)))
    const longest = new BigUint64Array(d).fill(each)
    let attempts = 0
    for (let k = 0; k < 50; k++) {
      const dealing = dealModel(plan, longest, 0, CONTEXT, streamOf(1_000 + k), kernels)
      attempts += dealing.attempts
      expect(judgeDealing(plan, answersOf(heldBy(plan, 0, dealing)))).toEqual(SOUND)
    }
    expect(attempts / 50).toBeLessThan(3)
    const long = new BigUint64Array(d).fill(each * 5_800n)
    const patient = { ...plan, bounds: { ...plan.bounds, opened: P } }
    for (let k = 0; k < 50; k++) {
      const dealing = dealModel(patient, long, 0, CONTEXT, streamOf(2_000 + k), kernels)
      const answers = answersOf(heldBy(plan, 0, dealing))
      expect(judgeDealing(plan, answers)).toMatchObject({ fault: 'out-of-range' })
    }
  })

  it('with parcels of another length, or numbers that are no elements, is refused by who gets them', () => {
    const plan = planOf()
    const { dealing } = dealt(plan, 0, 1)
    const open = (member: number, vector: Uint8Array, masks = dealing.parcels[member].masks) =>
      openParcel(
        plan,
        { dealer: 0, member, context: CONTEXT, hashes: dealing.hashes },
        { vector, masks },
        kernels,
      )
    const { vector, masks } = dealing.parcels[4]
    expect(() => open(4, vector.subarray(8))).toThrow(/where 800 belong/)
    expect(() => open(1, vector)).toThrow(/where 32 belong/)
    expect(() => open(4, vector, masks.subarray(1))).toThrow(/bytes of masks/)
    const above = vector.slice().fill(255, 16, 24)
    expect(() => open(4, above)).toThrow(/number 2 of a share is not below/)
    // At an odd address in memory.
    const moved = new Uint8Array(vector.length + 1)
    moved.set(vector, 1)
    expect(open(4, moved.subarray(1)).answer).toEqual(heldBy(plan, 0, dealing)[4].answer)
  })
})

/** Two squares that add up to an element: those of the first a for which there is one, by Tonelli for p ≡ 3 mod 4. */
function sumOfSquares(total: bigint): [bigint, bigint] {
  for (let a = 1n; ; a++) {
    const rest = elementOf(total - a * a)
    let root = 1n
    for (let bit = (P + 1n) / 4n, square = rest; bit > 0n; bit >>= 1n) {
      if ((bit & 1n) === 1n) root = multiply(root, square)
      square = multiply(square, square)
    }
    if (multiply(root, root) === rest) return [a, root]
  }
}
