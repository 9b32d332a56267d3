import {
  type Block,
  ChainError,
  type ChainMember,
  createChainMember,
  findNonce,
  type MemberInput,
  type MemberOutput,
  openBlock,
  openChain,
  openMessage,
} from '@tempered/chain'
import { ProtocolError, type Run, sha256, type VerifySignature, verifySignature } from '@tempered/protocol'
import { modelCid } from '../../packages/node/test/support/run-fixture.js'
import { splitFrames } from '../engine/frames.js'
import { signers } from './fixtures.js'

const MEMBERS = 4

/** Signatures are checked once: most of what a member hears is what others have heard too. */
const checked = new Map<string, boolean>()
const remembered: VerifySignature = (peer, bytes, signature) => {
  const name = `${peer} ${Buffer.from(sha256(bytes, signature)).toString('latin1')}`
  const known = checked.get(name) ?? verifySignature(peer, bytes, signature)
  if (checked.size > 10_000) checked.clear()
  checked.set(name, known)
  return known
}

function memberOf(run: Run, k: number, now: () => number): ChainMember<unknown> {
  const { architecture, params } = openChain(run.manifest.chain!)
  return createChainMember({ run, architecture, params, signer: signers[k]!, verify: remembered, now })
}

/** What four honest members say in a run, each message at once with all others. */
export function hear(run: Run): Uint8Array[] {
  let now = 0
  const members = Array.from({ length: MEMBERS }, (_, k) => memberOf(run, k, () => now))
  const said: Uint8Array[] = []
  const agenda: { readonly at: number; readonly to: number; readonly input: MemberInput }[] = []
  const later = (ms: number, to: number, input: MemberInput): void =>
    void agenda.push({ at: now + ms, to, input })
  const proposalOf = (k: number, after: Block | undefined) => {
    const round = after === undefined ? 0 : after.body.round + 1
    const candidates = Array.from({ length: MEMBERS }, (_, member) => ({ member, model: modelCid(member) }))
    return { parent: after?.cid ?? null, candidates, round, own: candidates.slice(k, k + 1) }
  }
  const adopted: (Block | undefined)[] = []
  const offer = (k: number, chosen?: readonly number[]): void => {
    const { parent, round, own, candidates } = proposalOf(k, adopted[k])
    if (round >= run.manifest.training.rounds) return
    const used =
      chosen === undefined ? own : candidates.filter(({ member }) => member === k || chosen.includes(member))
    later(2 + k, k, {
      type: 'proposal',
      parent,
      proposal: { round, heads: [], candidates: used, aggregate: modelCid(100 + round) },
    })
  }
  const begin = (k: number): void => {
    const { parent, candidates } = proposalOf(k, adopted[k])
    if (run.manifest.chain?.architecture === 'vbfl') later(1, k, { type: 'collected', parent, candidates })
    else offer(k)
  }
  const tell = (from: number, input: MemberInput): void => {
    for (const to of members.keys()) if (to !== from) later(1, to, input)
  }
  const act = (k: number, output: MemberOutput): void => {
    if (output.type === 'send-block') {
      said.push(output.block.bytes)
      tell(k, { type: 'block', block: output.block })
    } else if (output.type === 'send-message') {
      said.push(output.message.bytes)
      tell(k, { type: 'message', message: output.message })
    } else if (output.type === 'mine') {
      const found = findNonce(output.body, output.difficulty, { from: 0, tries: 1_000_000 })
      if (found !== undefined) later(found.tries, k, { type: 'mined', body: found.body })
    } else if (output.type === 'adopted') {
      adopted[k] = output.block
      begin(k)
    } else if (output.type === 'aggregate') offer(k, output.members)
    else for (const input of answerTo(output)) later(input.type === 'timeout' ? timerMs(output) : 1, k, input)
  }
  for (const k of members.keys()) begin(k)
  for (let turn = 0; turn < 2000 && said.length < 60 && agenda.length > 0; turn++) {
    const next = agenda.reduce((first, one) => (one.at < first.at ? one : first))
    agenda.splice(agenda.indexOf(next), 1)
    now = next.at
    for (const output of handled(members[next.to]!, next.input)) act(next.to, output)
  }
  return said
}

const timerMs = (output: MemberOutput): number => (output.type === 'arm' ? output.ms : 1)

/** What a node tells its member when that asks for it. */
function answerTo(output: MemberOutput): MemberInput[] {
  if (output.type === 'check') return [{ type: 'checked', block: output.block.cid, isRight: true }]
  if (output.type === 'evaluate')
    return [{ type: 'evaluated', model: output.model, on: output.on, value: 0.5 }]
  if (output.type === 'arm') return [{ type: 'timeout', timer: output.timer }]
  return []
}

function handled(member: ChainMember<unknown>, input: MemberInput): MemberOutput[] {
  try {
    return member.handle(input)
  } catch (error) {
    if (error instanceof ChainError) return []
    throw error
  }
}

/**
 * A fresh member that hears one frame after the other and gets what it asks for. What breaks the rules is dropped, as in
 * a node; any other error is one of ours. Returns how many it took.
 */
export function listen(run: Run, input: Uint8Array, onRefused: () => void = () => undefined): number {
  let now = 0
  const member = memberOf(run, 0, () => {
    now += 50
    return now
  })
  let heard = 0
  for (const frame of splitFrames(input).slice(0, 12)) {
    try {
      const one: MemberInput = Buffer.from(frame).includes('headsRoot')
        ? { type: 'block', block: openBlock(frame, run, remembered) }
        : { type: 'message', message: openMessage(frame, remembered) }
      const answers = member.handle(one).flatMap(answerTo)
      heard += 1
      for (const answer of answers.slice(0, 8)) handled(member, answer)
    } catch (error) {
      if (!(error instanceof ChainError || error instanceof ProtocolError)) throw error
      if (error instanceof ChainError) onRefused()
    }
  }
  return heard
}
