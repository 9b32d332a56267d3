import {
  arrayItem,
  bytesItem,
  doubleItem,
  floatItem,
  type Item,
  parseItem,
  simpleItem,
  textItem,
  uintItem,
  writeItem,
} from './cbor-item.js'
import { EDGES, mutateBytes } from './mutate-bytes.js'
import type { Mutator } from './mutator.js'
import type { Random } from './random.js'
import { noteSignatures, writeSigned } from './signed-item.js'

/** An item with the list that it is in; the root is in none. */
interface Place {
  readonly item: Item
  readonly list?: Item[]
  readonly index?: number
}

function placesOf(root: Item): Place[] {
  const all: Place[] = []
  const walk = (place: Place): void => {
    all.push(place)
    for (const [index, item] of (place.item.items ?? []).entries())
      walk({ item, list: place.item.items!, index })
    if (place.item.document !== undefined) walk({ item: place.item.document })
  }
  walk({ item: root })
  return all
}

const KEYS = [
  'k'.repeat(9000),
  '__proto__',
  'constructor',
  'toString',
  'x',
  '',
  'version',
  'kind',
  'body',
  'length',
  '\u{1f600}',
]
const TEXTS = [
  '',
  '0',
  '\0',
  '__proto__',
  '../../x',
  '\u202e',
  'é',
  'e\u0301',
  '\u{10ffff}',
  'x'.repeat(300),
  'x'.repeat(9000),
]

/** A value of another type, or an extreme one. */
function strange(random: Random): Item {
  switch (random.below(18)) {
    case 0:
      return simpleItem(22)
    case 1:
      return simpleItem(23)
    case 2:
      return simpleItem(random.pick([20, 21, 0, 19, 32, 255]))
    case 3:
      return uintItem(random.pick(EDGES))
    case 4:
      return { major: 1, argument: random.pick(EDGES) }
    case 5:
      return doubleItem(random.pick([0, -0, 0.5, 1, -1, 1e308, 5e-324, 2 ** 53, 1e21, 0.1]))
    case 6:
      return doubleItem(random.pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]))
    case 7:
      return floatItem(BigInt(random.below(0x10000)), 2)
    case 8:
      return floatItem(BigInt(random.uint32()), 4)
    case 9:
      return floatItem(0x7ff8000000000000n | BigInt(random.below(4)), 8)
    case 10:
      return textItem(random.pick(TEXTS))
    case 11:
      return {
        major: 3,
        argument: 0n,
        content: random.pick([
          Uint8Array.of(0xff),
          Uint8Array.of(0xed, 0xa0, 0x80),
          Uint8Array.of(0xc0, 0x80),
        ]),
      }
    case 12:
      return bytesItem(random.bytes(random.pick([0, 1, 31, 32, 33, 63, 64, 65, 200])))
    case 13:
      return arrayItem([])
    case 14:
      return arrayItem(Array.from({ length: random.pick([1, 3, 300]) }, () => uintItem(0n)))
    case 15:
      return { major: 5, argument: 0n, items: [] }
    case 16:
      return {
        major: 6,
        argument: random.pick([0n, 2n, 3n, 42n, 43n, 55799n, 2n ** 32n]),
        items: [bytesItem(random.bytes(random.below(40)))],
      }
    default:
      return nested(random, random.pick([2, 10, 100, 1000, 5000]))
  }
}

/** Arrays, maps or tags inside each other. */
function nested(random: Random, depth: number): Item {
  // Written as bytes: what writes items is recursive too.
  const one = random.pick([[0x81], [0xa1, 0x60], [0xd8, 0x2a], [0x9f], [0xbf, 0x60]])
  const content = Uint8Array.from({ length: depth * one.length }, (_, k) => one[k % one.length]!)
  const end = Uint8Array.of(0xf6)
  return { major: 7, argument: 0n, width: 0, content: Buffer.concat([content, end]), isRaw: true }
}

function changeMap(items: Item[], random: Random): void {
  const pairs = items.length / 2
  const at = 2 * random.below(pairs)
  switch (random.below(6)) {
    case 0: // out of order
      if (pairs > 1) {
        const other = 2 * random.below(pairs)
        const pair = items.splice(at, 2)
        items.splice(other, 0, ...pair)
      }
      return
    case 1: // twice
      items.splice(at, 0, ...structuredClone(items.slice(at, at + 2)))
      return
    case 2: // missing
      items.splice(at, 2)
      return
    case 3: {
      // unknown, in its place
      const key = random.pick(KEYS)
      insertInOrder(items, textItem(key), random.chance(0.5) ? strange(random) : simpleItem(22))
      return
    }
    case 4: // another name
      items[at] = random.chance(0.8) ? textItem(random.pick(KEYS)) : strange(random)
      return
    default: {
      // values swapped
      const other = 2 * random.below(pairs)
      const value = items[at + 1]!
      items[at + 1] = items[other + 1]!
      items[other + 1] = value
    }
  }
}

/** At the place that DAG-CBOR gives a key: by length, then by bytes. */
function insertInOrder(items: Item[], key: Item, value: Item): void {
  let at = 0
  while (at < items.length && Buffer.compare(writeItem(items[at]!), writeItem(key)) < 0) at += 2
  items.splice(at, 0, key, value)
}

function changeList(items: Item[], random: Random): void {
  const at = random.below(items.length)
  const choice = random.below(4)
  if (choice === 0) items.splice(at, 1)
  else if (choice === 1) {
    const copies = random.chance(0.1) ? 300 : 1
    for (let k = 0; k < copies; k++) items.splice(at, 0, structuredClone(items[at]!))
  } else if (choice === 2) {
    const other = random.below(items.length)
    const item = items[at]!
    items[at] = items[other]!
    items[other] = item
  } else items.splice(at, 0, strange(random))
}

/** A change of the item itself, within its type. */
function changeInside(item: Item, random: Random): void {
  switch (item.major) {
    case 0:
    case 1:
      if (random.chance(0.4))
        item.argument = BigInt.asUintN(64, item.argument + BigInt(random.between(-2, 2)))
      else if (random.chance(0.3)) item.major = 1 - item.major
      else item.argument = random.pick(EDGES)
      return
    case 2:
    case 3:
      delete item.document
      if (item.content !== undefined) item.content = mutateBytes(item.content, random, () => item.content!)
      return
    case 4:
      if (item.items!.length > 0) changeList(item.items!, random)
      else item.items!.push(strange(random))
      return
    case 5:
      if (item.items!.length > 0) changeMap(item.items!, random)
      else item.items!.push(textItem(random.pick(KEYS)), strange(random))
      return
    case 6:
      if (random.chance(0.5)) item.argument = random.pick([0n, 2n, 41n, 43n, 2n ** 32n])
      else changeInside(item.items![0]!, random)
      return
    default:
      for (const key of Object.keys(item) as (keyof Item)[]) delete item[key]
      Object.assign(item, strange(random))
  }
}

/** A change of how an item is written. */
function changeForm(item: Item, random: Random): void {
  const choice = random.below(4)
  if (choice === 0) item.width = random.pick([1, 2, 4, 8] as const)
  else if (choice === 1) item.indefinite = true
  else if (item.major >= 2 && item.major <= 5) {
    const count = BigInt(
      item.content?.byteLength ?? Math.floor(item.items!.length / (item.major === 5 ? 2 : 1)),
    )
    const declared = random.chance(0.5) ? count + BigInt(random.between(-2, 2)) : random.pick(EDGES)
    item.declared = declared < 0n ? 0n : declared
  } else if (item.major === 7 && item.width === 8) {
    item.width = random.pick([2, 4] as const)
  } else item.width = 8
}

function changed(place: Place, random: Random, donor: () => Item | undefined): void {
  const { item, list, index } = place
  const choice = random.below(10)
  if (choice < 5 || list === undefined) changeInside(item, random)
  else if (choice < 6) changeForm(item, random)
  else if (choice < 9) list[index!] = strange(random)
  else {
    const other = donor()
    if (other !== undefined) list[index!] = structuredClone(random.pick(placesOf(other)).item)
  }
}

/**
 * Changes of documents in CBOR, and of documents inside them: unknown, missing, repeated and unordered keys, other types,
 * other widths, wrong lengths, indefinite lengths, nesting, parts of other documents. Most of the changed documents are
 * signed again by their authors, so that what is behind the signature is reached too.
 */
export const mutateCbor: Mutator = (input, random, other) => {
  const root = parseItem(input)
  if (root === undefined) return mutateBytes(input, random, other)
  noteSignatures(root)
  const times = random.chance(0.7) ? 1 : random.between(2, 4)
  for (let k = 0; k < times; k++) changed(random.pick(placesOf(root)), random, () => parseItem(other()))
  return random.chance(0.75) ? writeSigned(root) : writeItem(root)
}
