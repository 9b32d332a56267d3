import {
  type Amendment,
  approveChange,
  type ChangeMessage,
  proposeChange,
  type Run,
} from '@tempered/protocol'
import { run, signers } from './run-fixture.js'

/** A change with the signatures of these keys; three members of four are a quorum. */
export function signed(
  amendment: Amendment,
  from: number,
  by: readonly number[] = [0, 1, 2],
  view: Run = run,
): ChangeMessage {
  let message = proposeChange({ run: view, from, amendment }, signers[by[0]!])
  for (const index of by.slice(1)) message = approveChange(message, signers[index])
  return message
}
