/**
 * Rounds between the one that a node is in and the one from which a change that it proposes holds: so long others have to sign
 * it and to hear of it. A change that is decided later holds for each node from its next round on.
 */
export const NOTICE_ROUNDS = 3
