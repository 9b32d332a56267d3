/** Submits contradictions that a node has seen to the contract that punishes them. */

import {
  announcementStatement,
  type Evidence,
  headStatement,
  type Run,
  type Statement,
  verifyAnnouncementStatement,
  verifyHeadStatement,
} from '@tempered/protocol'
import { type Address, bytesToHex, type Hex } from 'viem'
import type { Call } from '../client/outbox.js'
import { SlashingManager } from '../contracts/artifacts.js'
import type { SettlementContracts } from '../contracts/deploy.js'
import { contractStatement, statementFields } from '../typed-data.js'

export interface Contradiction {
  readonly offender: Address
  readonly peerId: string
  readonly statements: readonly [Statement, Statement]
  readonly signatures: readonly [Hex, Hex]
}

/**
 * The part of evidence that a contract can check: two statements of one account. Undefined for other kinds of evidence,
 * and if one of the messages has no valid statement.
 */
export function contradictionIn(evidence: Evidence, run: Run): Contradiction | undefined {
  const stated = statedIn(evidence, run)
  const member = run.memberIndex.get(evidence.offender)
  if (stated === undefined || member === undefined) return undefined
  const [first, second] = stated
  return {
    offender: run.manifest.settlement!.accounts[member] as Address,
    peerId: evidence.offender,
    statements: [first.statement, second.statement],
    signatures: [first.signature, second.signature],
  }
}

interface Stated {
  readonly statement: Statement
  readonly signature: Hex
}

function statedIn(evidence: Evidence, run: Run): readonly [Stated, Stated] | undefined {
  if (run.manifest.settlement === undefined) return undefined
  try {
    if (evidence.kind === 'announcement-equivocation') {
      const [first, second] = evidence.announcements.map((message): Stated => {
        verifyAnnouncementStatement(message, run)
        return {
          statement: announcementStatement(message.body),
          signature: bytesToHex(message.body.statement!),
        }
      })
      return [first!, second!]
    }
    if (evidence.kind !== 'forked-ledger') return undefined
    const [first, second] = evidence.heads.map((message): Stated => {
      verifyHeadStatement(message, run)
      return { statement: headStatement(message.body), signature: bytesToHex(message.body.statement!) }
    })
    // Heads that differ only in their trees are the same to a contract.
    if (bytesToHex(first!.statement.value) === bytesToHex(second!.statement.value)) return undefined
    return [first!, second!]
  } catch {
    return undefined
  }
}

/** The call that punishes a contradiction. `bounty`: where the reporter's share goes. */
export function punishment(
  { offender, statements: [first, second], signatures }: Contradiction,
  contracts: SettlementContracts,
  bounty: Address,
): Call {
  return {
    address: contracts.slashing,
    abi: SlashingManager.abi,
    functionName: 'punishContradiction',
    args: [
      offender,
      statementFields(contractStatement(first)),
      signatures[0],
      statementFields(contractStatement(second)),
      signatures[1],
      bounty,
    ],
  }
}
