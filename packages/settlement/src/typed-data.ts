/** What members sign for contracts (EIP-712). A signature is valid for one contract on one chain only. */

import { STATEMENT_KINDS, type Statement } from '@tempered/protocol'
import type { Address, Hex, TypedDataDomain } from 'viem'
import { bytesToHex, encodePacked, isHex, keccak256, recoverTypedDataAddress } from 'viem'

/** The chain and contract that a signature is for. */
export interface SigningPlace {
  readonly chainId: number
  readonly contract: Address
}

/** A `Statement` of @tempered/protocol in viem's types; two that differ only in `value` contradict each other. */
export interface ContractStatement extends Pick<Statement, 'kind' | 'slot'> {
  readonly run: Hex
  readonly value: Hex
}

export function contractStatement({ run, value, ...rest }: Statement): ContractStatement {
  return { ...rest, run: bytesToHex(run), value: bytesToHex(value) }
}

export interface Verdict {
  readonly run: Hex
  readonly offender: Address
  /** Keccak-256 of the document with the grounds. */
  readonly grounds: Hex
  /** Share of the stake, in 1/10,000. */
  readonly share: number
}

/** The result of a job. */
export interface Outcome {
  readonly job: Hex
  readonly run: Hex
  readonly model: Hex
  readonly proof: Hex
  /** Keccak-256 of the address of the model's card. */
  readonly card: Hex
  readonly rounds: number
  /** In millionths. */
  readonly metric: bigint
  readonly weights: readonly bigint[]
}

const domain = (name: string, { chainId, contract }: SigningPlace): TypedDataDomain => ({
  name,
  version: '1',
  chainId,
  verifyingContract: contract,
})

/** `place`: the SlashingManager. */
export function statementData(one: ContractStatement, place: SigningPlace) {
  return {
    domain: domain('Tempered slashing', place),
    types: {
      Statement: [
        { name: 'run', type: 'bytes32' },
        { name: 'kind', type: 'uint8' },
        { name: 'slot', type: 'uint64' },
        { name: 'value', type: 'bytes32' },
      ],
    },
    primaryType: 'Statement',
    message: statementFields(one),
  } as const
}

/** A statement in the form that the contract expects. */
export function statementFields({ run, kind, slot, value }: ContractStatement) {
  return { run, kind: STATEMENT_KINDS[kind], slot: BigInt(slot), value } as const
}

/** `place`: the SlashingManager. */
export function verdictData(one: Verdict, place: SigningPlace) {
  return {
    domain: domain('Tempered slashing', place),
    types: {
      Verdict: [
        { name: 'run', type: 'bytes32' },
        { name: 'offender', type: 'address' },
        { name: 'grounds', type: 'bytes32' },
        { name: 'share', type: 'uint16' },
      ],
    },
    primaryType: 'Verdict',
    message: one,
  } as const
}

/** `place`: the SlashingManager. `verdict`: its id. */
export function retractionData(verdict: Hex, replayProof: Hex, place: SigningPlace) {
  return {
    domain: domain('Tempered slashing', place),
    types: {
      Retraction: [
        { name: 'verdict', type: 'bytes32' },
        { name: 'replayProof', type: 'bytes32' },
      ],
    },
    primaryType: 'Retraction',
    message: { verdict, replayProof },
  } as const
}

/** `place`: the RunRegistry. `members`: accounts in ascending order; `until`: seconds since 1970. */
export function membershipData(run: Hex, members: readonly Address[], until: number, place: SigningPlace) {
  // As abi.encodePacked of an array: each address takes 32 bytes.
  const packed = keccak256(encodePacked(['address[]'], [members]))
  return {
    domain: domain('Tempered run', place),
    types: {
      Membership: [
        { name: 'run', type: 'bytes32' },
        { name: 'members', type: 'bytes32' },
        { name: 'until', type: 'uint64' },
      ],
    },
    primaryType: 'Membership',
    message: { run, members: packed, until: BigInt(until) },
  } as const
}

/** The account that signed a membership; undefined for what is no signature. */
export async function membershipSigner(
  signature: string,
  ...said: Parameters<typeof membershipData>
): Promise<Address | undefined> {
  if (!isHex(signature)) return undefined
  return recoverTypedDataAddress({ ...membershipData(...said), signature }).catch(() => undefined)
}

/** `place`: the JobEscrow. */
export function outcomeData(one: Outcome, place: SigningPlace) {
  return {
    domain: domain('Tempered jobs', place),
    types: {
      Outcome: [
        { name: 'job', type: 'bytes32' },
        { name: 'run', type: 'bytes32' },
        { name: 'model', type: 'bytes32' },
        { name: 'proof', type: 'bytes32' },
        { name: 'card', type: 'bytes32' },
        { name: 'rounds', type: 'uint32' },
        { name: 'metric', type: 'int64' },
        { name: 'weights', type: 'uint256[]' },
      ],
    },
    primaryType: 'Outcome',
    message: one,
  } as const
}
