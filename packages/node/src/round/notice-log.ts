import { counted } from '@tempered/errors'
import type { NoSum } from '@tempered/secagg'
import type { Notice } from './state.js'

/** What to do about a rule that rejects everything. */
export const ISOLATION_REMEDY =
  'widen the threshold of the rule (for balance, set steps to 4 or more) or choose another one, in a new run'

/** What to do about a private rule that always refuses the same models. */
export const GROUP_REFUSAL_REMEDY =
  "lower f of privacy.rule if it is more than the number of attackers expected, or take another one (docs/privacy.md), in a new run; data that are unlike the others' look like an attack"

/** What it means that a pre-aggregator does not fit, and what to do. */
export const UNFIT_REMEDY =
  'it changes no model and protects from nothing; the rule behind it still applies. The data of the nodes differ too much for it: give each node several classes, or leave it out in a new run (docs/rules.md)'

/** What to do about a loss that explodes, where it is not known whether there are attackers. */
const HIGH_LOSS_REMEDY =
  'lower training.learningRate (manifest create --learning-rate) in a new run, or use a stronger rule if others send poisoned models'

/** What to do where no block of a chain comes. */
export const NO_AGREEMENT_REMEDY =
  'too many members are away, or do not keep to the protocol (docs/chain.md); start those that are missing again'

const APART =
  'other members have gone on with blocks that exclude what is final here: the network was parted for longer than the ' +
  'chain waits, and its parts cannot join again. This node keeps to its chain; run `tempered chain show` on both, ' +
  'and start a new run from the model that is to stay'

const UNSETTLED =
  'the block of the last round is not final: too few members are left to agree on it, and the models of members may differ'

/** Why no sum was opened, and what to do. */
export const NO_SUM: Readonly<Record<NoSum, string>> = {
  'too-few-members':
    'too few members of the group shared a model in time; start those that are missing, or lower privacy.threshold in a new run',
  'no-distances': 'more members said wrong things about the distances than the group can correct',
  'too-few-accepted':
    'the rule accepts so few models that their sum would show one; choose a rule that accepts more (privacy.rule)',
  'no-quorum': 'the members of the group did not agree on the models in the sum',
  'not-opened': 'too many shares of the sum were missing or wrong',
  'out-of-range':
    'the sum is longer than one of so many models can be, so that somebody shared something else; who it was cannot be told',
  'not-there':
    'this node had begun the round before it was restarted, and the others had opened no sum in time',
}

/** A notice as a line of the log. */
export function noticeLog(notice: Notice): { readonly text: string; readonly [field: string]: unknown } {
  const { kind, ...details } = notice
  switch (notice.kind) {
    case 'alone':
      return {
        ...details,
        text: 'no neighbour answers: each round now stays open until its deadline, in case one comes back',
      }
    case 'reunited':
      return { ...details, text: 'neighbours answer again' }
    case 'given-up':
      return {
        ...details,
        text: `a neighbour failed too often: it is not waited for until it has served ${counted(notice.owed, 'model')}`,
      }
    case 'trusted-again':
      return { ...details, text: 'a neighbour serves its models again: it is waited for' }
    case 'isolated':
      return {
        ...details,
        text: `every model that arrived in the last ${notice.rounds} rounds was rejected, so this node trains alone: ${ISOLATION_REMEDY}`,
      }
    case 'unfit':
      return {
        ...details,
        text: `${notice.step} does not fit the models of this neighbourhood: ${UNFIT_REMEDY}`,
      }
    case 'high-loss':
      return {
        ...details,
        text: `the training loss is ${Number(notice.loss.toPrecision(3))}, and has been more than ten times above that of guessing for ${notice.rounds} rounds: ${HIGH_LOSS_REMEDY}`,
      }
    case 'no-agreement':
      return {
        ...details,
        text: `no ${notice.what} of round ${notice.round + 1} for ${notice.seconds} s, with ${counted(notice.members, 'member')} connected: ${NO_AGREEMENT_REMEDY}`,
      }
    case 'apart':
      return { ...details, text: APART }
    case 'unsettled':
      return { ...details, text: UNSETTLED }
    case 'shortened':
      return {
        ...details,
        text: `the model was farther from the initial one than privacy.range, and was shortened to ${Number((100 * notice.part).toPrecision(3))} % of that; choose a larger range in a new run`,
      }
    case 'no-sum':
      return {
        ...details,
        text: `no sum was opened in private round ${notice.round + 1}: ${NO_SUM[notice.reason]}`,
      }
    case 'jumped':
      return {
        ...details,
        text: `the others are ahead: jumped from round ${notice.from + 1} to ${notice.to + 1}`,
      }
  }
}
