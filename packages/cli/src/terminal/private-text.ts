import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decimal } from '@tempered/lab/text'
import { NO_SUM } from '@tempered/node'
import { ProtocolError, type Run, type SignedEntry } from '@tempered/protocol'
import { type OpenedTranscript, openTranscript } from '@tempered/secagg'
import { table } from './table.js'

/**
 * What an entry says about its private round; with the transcript, if it is among the blobs of the state folder, who is in the
 * sum. Nothing for entries of other runs.
 */
export function privateLines({ body }: SignedEntry, run: Run, stateFolder: string): string[] {
  const { privacy } = body
  if (privacy === undefined) return []
  const links = [`transcript ${privacy.transcript}`, `sum ${privacy.sum ?? 'none'}`]
  const opened = tryTranscript(run, join(stateFolder, 'blobs', privacy.transcript.toString()))
  if (opened === undefined) return links
  if (typeof opened === 'string') return [...links, opened]
  return [...links, ...transcriptLines(opened)]
}

function tryTranscript(run: Run, path: string): OpenedTranscript | string | undefined {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined
  }
  try {
    return openTranscript(run, bytes)
  } catch (error) {
    if (error instanceof ProtocolError) return error.message
    throw error
  }
}

function stateOf(weight: number, isDealer: boolean, hasDealt: boolean): string {
  if (weight > 0) return 'in the sum'
  if (isDealer) return 'refused'
  return hasDealt ? 'left out' : 'absent'
}

function transcriptLines({ group, opened, decision, findings, reason, words }: OpenedTranscript): string[] {
  const total = opened?.weights.reduce((sum, weight) => sum + weight, 0) ?? 0
  const own = typeof decision === 'object' ? decision : undefined
  const rows = group.members.map((peer, place) => {
    const at = opened?.dealers.indexOf(place) ?? -1
    const weight = at < 0 ? 0 : opened!.weights[at]!
    const decided = own?.dealers.indexOf(place) ?? -1
    const faults = findings.filter(({ member }) => member === place).map(({ fault }) => fault)
    const state = stateOf(weight, at >= 0, words.of('deal').has(place))
    return [
      state,
      peer.slice(-8),
      decided < 0 ? '–' : decimal(own!.scores?.[decided] ?? null),
      decided < 0 || own!.threshold === null ? '' : decimal(own!.threshold),
      (total === 0 ? 0 : weight / total).toFixed(3),
      faults.join(', '),
    ]
  })
  const header = ['private', 'peer', 'score', 'threshold', 'weight', 'found out']
  const why =
    reason === undefined ? [] : [`no sum was opened: ${NO_SUM[reason as keyof typeof NO_SUM] ?? reason}`]
  return [...table([header, ...rows], new Set([2, 3, 4])), ...why]
}
