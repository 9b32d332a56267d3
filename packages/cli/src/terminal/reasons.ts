import { decimal } from '@tempered/lab/text'

/** Why a neighbour got its verdict, for people; after "its model …" or "no model of it was used: …". */
const WORDS: Readonly<Record<string, string>> = {
  accepted: 'took part',
  clipped: 'took part, its step shortened to the threshold',
  'distance-above-threshold': 'was rejected: its score is above the threshold',
  'not-selected': 'was rejected: others had better scores',
  'similarity-below-threshold':
    'was rejected: its direction differs too much from the node’s own model or update',
  'loss-above-threshold': "was rejected: it does worse on the author's own data than allowed",
  'trust-below-threshold': 'was rejected: the trusted neighbours do not trust it',
  'reputation-below-threshold':
    'was rejected: its steps so far went against the path of the node’s own model',
  'wrong-length': 'was rejected: it does not have the number of parameters of the run',
  'not-finite': 'was rejected: it holds a NaN or an infinity',
  'too-few-models': 'was rejected: too few models arrived for the rule, and the node kept its own',
  'own-not-finite': 'was rejected: the node’s own model holds a NaN or an infinity, and was kept',
  quarantined: 'was not used: the neighbour was quarantined because there is proof against it',
  deadline: 'did not arrive before the deadline',
  down: 'did not arrive: the neighbour was not connected',
  passed: 'did not arrive: the neighbour had already moved on to a later round',
}

/** A reason code in words; an unknown code is shown as it is. */
export function reasonText(code: string): string {
  return WORDS[code] ?? `did not arrive: ${code}`
}

/** `score 1.234, threshold 0.900`, where the rule has them. */
export function measureText(score: number | null, threshold: number | null): string {
  if (score === null) return 'the rule gave no score'
  return threshold === null
    ? `score ${decimal(score)}, no threshold`
    : `score ${decimal(score)}, threshold ${decimal(threshold)}`
}
