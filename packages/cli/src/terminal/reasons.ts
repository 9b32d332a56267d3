import { decimal } from '@tempered/lab/text'

/** Why a neighbour got its verdict, for people; after "its model …" or "no model of it was used: …". */
const WORDS: Readonly<Record<string, string>> = {
  accepted: 'took part',
  clipped: 'took part, its step shortened to the threshold',
  'distance-above-threshold': 'was refused: its score is above the threshold',
  'not-selected': 'was refused: others had better scores',
  'similarity-below-threshold': 'was refused: it points another way than the node’s own model or update',
  'loss-above-threshold': "was refused: it does worse on the author's own data than allowed",
  'trust-below-threshold': 'was refused: the neighbours that are trusted do not trust it',
  'reputation-below-threshold':
    'was refused: its steps so far went against the way that the node’s own model has come',
  'wrong-length': 'was refused: it does not have the number of parameters of the run',
  'not-finite': 'was refused: it holds a NaN or an infinity',
  'too-few-models': 'was refused: too few models came for the rule, and the node kept its own',
  'own-not-finite': 'was refused: the node’s own model holds a NaN or an infinity, and was kept',
  quarantined: 'was not used: there is proof against the neighbour, it was quarantined',
  deadline: 'did not come before the deadline',
  down: 'did not come: the neighbour was not connected',
  passed: 'did not come: the neighbour had gone on to a later round',
}

/** A reason code in words; a code that is not known stands for itself. */
export function reasonText(code: string): string {
  return WORDS[code] ?? `did not come: ${code}`
}

/** `score 1.234, threshold 0.900`, as far as the rule has them. */
export function measureText(score: number | null, threshold: number | null): string {
  if (score === null) return 'the rule gave no score'
  return threshold === null
    ? `score ${decimal(score)}, no threshold`
    : `score ${decimal(score)}, threshold ${decimal(threshold)}`
}
