import type { PrivacyRecord } from '@tempered/protocol'

/** The privacy spent, as one part of a line about a round; nothing in runs without differential privacy. */
export function epsilonText(record: PrivacyRecord | undefined): string[] {
  return record === undefined ? [] : [`epsilon ${record.epsilon.toPrecision(4)}`]
}
