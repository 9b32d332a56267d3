import { differenceText, type Judgement } from '@tempered/node'
import type { Evidence } from '@tempered/protocol'

type Proven = Extract<Judgement, { status: 'proven' }>

/** What a member did, in plain words, to follow its name. Rounds are counted from 1. */
export function misdeedText(evidence: Evidence, judgement?: Proven): string {
  const round = evidence.round + 1
  switch (evidence.kind) {
    case 'announcement-equivocation': {
      const [a, b] = evidence.announcements
      return `announced two models for round ${round}: ${a.body.model} and ${b.body.model}`
    }
    case 'forked-ledger': {
      const [a, b] = evidence.heads
      return `signed two histories of its ledger: at entry ${a.body.height + 1} ${a.body.entry} and ${b.body.entry}`
    }
    case 'entry-equivocation': {
      const [a, b] = evidence.entries
      return `signed two different entries ${a.body.height + 1} of its ledger: ${a.cid} and ${b.cid}`
    }
    case 'group-word-equivocation':
      return `said two different things to its group in private round ${round} (${evidence.words[0].body.kind})`
    case 'invalid-model':
      return `announced something that is not a model for round ${round}${judgement === undefined ? '' : `: ${judgement.what}`}`
    case 'wrong-aggregate':
      return `signed a round ${round} that does not follow from its rule${judgement?.difference === undefined ? '' : `: ${differenceText(judgement.difference)}`}`
  }
}
