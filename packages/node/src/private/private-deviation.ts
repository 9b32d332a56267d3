import type { GroupWordBody } from '@tempered/protocol'
import type { Dealing, PrivateGroup } from '@tempered/secagg'

/** What a Byzantine node in an experiment does otherwise than the protocol of private rounds says. */
export interface PrivateDeviation {
  /** Changes what it deals. */
  deal?(dealing: Dealing, group: PrivateGroup, self: number): Dealing
  /** Changes what it says; undefined: nothing. */
  say?(body: GroupWordBody): GroupWordBody | undefined
  /** Changes the share of the sum that it gives to others. */
  share?(round: number, share: Uint8Array): Uint8Array
  /** Whether it gives a parcel to a holder; default true. */
  serves?(round: number, holder: number): boolean
}
