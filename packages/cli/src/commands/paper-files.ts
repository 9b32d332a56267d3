/** Files that lie beside a model which leaves a run. */
export const CARD_TEXT_FILE = 'README.md'
export const CARD_FILE = 'model-card.json'
export const PROOF_FILE = 'inclusion.car'
