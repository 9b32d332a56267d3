import {
  decodeGroupWord,
  encodeCanonical,
  equalBytes,
  ProtocolError,
  type Run,
  sha256,
} from '@tempered/protocol'
import { openParcel } from '../../packages/secagg/src/dealing/answer.js'
import type { Parcel } from '../../packages/secagg/src/dealing/deal-model.js'
import { elementsIn } from '../../packages/secagg/src/dealing/parcel.js'
import { fieldKernels } from '../../packages/secagg/src/field/choose-kernels.js'
import { SEED_BYTES } from '../../packages/secagg/src/random/secret-stream.js'
import { privateGroup } from '../../packages/secagg/src/session/private-group.js'
import { createPrivateSession } from '../../packages/secagg/src/session/private-session.js'
import type { SessionEffect } from '../../packages/secagg/src/session/session-steps.js'
import { encodeTranscript, openTranscript } from '../../packages/secagg/src/session/transcript.js'
import { dealt, planOf } from '../../packages/secagg/test/support/group.js'
import { play } from '../../packages/secagg/test/support/play.js'
import { privateRun } from '../../packages/secagg/test/support/private-run.js'
import { joinFrames, mutateFrames, splitFrames } from '../engine/frames.js'
import { mutateBytes } from '../engine/mutate-bytes.js'
import { oneOf } from '../engine/mutator.js'
import { bareError, endless, greedy } from '../engine/plants.js'
import type { Random } from '../engine/random.js'
import { must, type TargetEntry } from '../engine/target.js'
import { mutateDocument } from './canonical.js'

const MODES = ['shares', 'masks'] as const
const runOf = (mode: (typeof MODES)[number]): Run =>
  privateRun({ members: 4, parameterCount: 12, privacy: { mode, threshold: 1 } })

/** A round as it went among honest members. */
const playedOf = (run: Run) => {
  const { group, sessions, ends } = play(run)
  const end = ends[0]
  const opened = end?.type === 'opened' ? end.decision.digest : null
  return {
    group,
    words: sessions[0]!.words.all(),
    opened,
    reason: end?.type === 'failed' ? end.reason : null,
  }
}

export const SECAGG: readonly TargetEntry[] = [
  {
    name: 'parcel',
    about: 'parcels of shares, whatever their hash (secagg/dealing/parcel.ts, answer.ts)',
    open: () => {
      const plan = planOf({ members: 4, threshold: 1, parameterCount: 6 })
      const { dealing } = dealt(plan, 0, 1)
      const kernels = fieldKernels()
      const context = new Uint8Array(4)
      const member = dealing.parcels.findIndex(({ vector }) => vector.byteLength !== SEED_BYTES)
      const valid = (): Uint8Array => {
        const { vector, masks } = dealing.parcels[member]!
        return joinFrames([vector, masks])
      }
      return {
        valid,
        mutate: mutateFrames(mutateBytes),
        decode(input) {
          const [vector = new Uint8Array(), masks = new Uint8Array()] = splitFrames(input)
          const parcel: Parcel = { vector, masks }
          const held = openParcel(
            plan,
            { dealer: 0, member, context, hashes: dealing.hashes },
            parcel,
            kernels,
          )
          return { parcel, held }
        },
        holds(value) {
          const { parcel, held } = value as { parcel: Parcel; held: ReturnType<typeof openParcel> }
          const { elements } = held
          const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
          must(equalBytes(bytes, parcel.vector), 'the share is what was sent')
          const shifted = Buffer.concat([Uint8Array.of(0), parcel.vector]).subarray(1)
          must(
            elements.every((element, k) => elementsIn(shifted)[k] === element),
            'it is the same wherever its bytes lie',
          )
          must(
            elements.every((element) => element < 2n ** 61n - 1n),
            'elements are of the field',
          )
        },
        plants: [bareError('E_SHARE_SHAPE'), endless('E_SHARE_SHAPE'), greedy('E_SHARE_SHAPE')],
      }
    },
  },
  ...MODES.flatMap((mode): TargetEntry[] => [
    {
      name: `transcript-${mode}`,
      about: `transcripts of private rounds with ${mode} (secagg/session/transcript.ts)`,
      open: () => {
        const run = runOf(mode)
        const { words, opened, reason } = playedOf(run)
        const valid = (random: Random): Uint8Array =>
          encodeTranscript({
            round: 0,
            author: run.manifest.members[random.below(4)]!,
            words,
            opened,
            reason,
          })
        return {
          valid,
          mutate: mutateDocument,
          decode: (input) => openTranscript(run, input),
          holds(value, input) {
            const { words: all, author } = value as ReturnType<typeof openTranscript>
            must(run.memberIndex.has(author), 'it is of a member')
            for (const { bytes } of all.all())
              must(Buffer.from(input).includes(Buffer.from(bytes)), 'its words are in it')
          },
          plants: [
            bareError('E_SIGNATURE'),
            bareError('E_MALFORMED'),
            endless('E_NOT_CANONICAL'),
            greedy('E_MALFORMED'),
            missingWords(),
          ],
        }
      },
    },
    {
      name: `session-${mode}`,
      about: `a member of a private round with ${mode} that hears changed words (secagg/session)`,
      open: () => {
        const run = runOf(mode)
        const { group, words } = playedOf(run)
        const heard = words.filter(({ body }) => body.author !== group.members[0])
        return {
          valid: (random) => {
            const from = random.below(3)
            return joinFrames(heard.slice(from, from + 24).map(({ bytes }) => bytes))
          },
          mutate: oneOf([6, mutateFrames(mutateDocument)], [1, mutateBytes]),
          decode: (input) => hearWords(run, input),
          plants: [
            {
              what: 'a member that stumbles over a word that is out of place',
              plant: () => (input) =>
                hearWords(run, input, (count) => {
                  if (count < heard.length - 6) throw new TypeError('Cannot read properties of undefined')
                }),
            },
          ],
        }
      },
    },
  ]),
]

/** A transcript is taken whose words are not those that it is said to have. */
const missingWords = () => ({
  what: 'takes a word of another member for the one that is there',
  plant: (decode: (input: Uint8Array) => unknown) => (input: Uint8Array) => {
    const opened = decode(input) as ReturnType<typeof openTranscript>
    return { ...opened, words: { all: () => [{ bytes: sha256(input) }] } }
  },
})

/** Words are given to a member as if their signatures had been checked, then its deadlines pass. */
function hearWords(
  run: Run,
  input: Uint8Array,
  onHeard: (count: number) => void = () => undefined,
): Uint8Array {
  const group = privateGroup(run, 0, run.manifest.members[0]!)!
  const session = createPrivateSession({
    group,
    self: group.placeOf(run.manifest.members[0]!)!,
    speaks: false,
    refused: [],
    awaited: new Set(group.members.keys()),
    kernels: fieldKernels(),
  })
  const effects: SessionEffect[] = [...session.start()]
  let count = 0
  for (const frame of splitFrames(input).slice(0, 40)) {
    try {
      const word = decodeGroupWord(frame)
      if (!word.body.run.equals(run.id)) continue
      effects.push(...session.handle({ type: 'word', word }))
      count += 1
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
  }
  onHeard(count)
  for (let turn = 0; turn < 12; turn++) {
    for (const effect of effects.splice(0)) {
      if (effect.type === 'fetch-share')
        effects.push(
          ...session.handle({
            type: 'share',
            holder: effect.holder,
            cid: effect.share.cid,
            share: new Uint8Array(effect.share.byteLength),
          }),
        )
      if (effect.type === 'fetch-shown')
        effects.push(
          ...session.handle({
            type: 'shown',
            accused: effect.accused,
            parcel: { vector: new Uint8Array(32), masks: new Uint8Array(8) },
          }),
        )
    }
    effects.push(...session.handle({ type: 'timeout', phase: session.phase }))
  }
  return encodeCanonical(session.findings().length)
}
