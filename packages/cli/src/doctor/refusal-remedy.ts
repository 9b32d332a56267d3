/** What to do about a refusal between two nodes, by its code. */
const REMEDIES: Readonly<Record<string, string>> = {
  E_WRONG_RUN: 'start both with the same manifest: compare `tempered manifest show` on both',
  E_NOT_A_MEMBER: "make a manifest that names this node (manifest create --member), or use a member's key",
  E_UNSUPPORTED_VERSION: 'run the same version of Tempered on both',
  E_KEY:
    'two nodes run with one key: stop one of them, and give it a key of its own with `tempered node init`',
}

export function refusalRemedy(code: string): string {
  return REMEDIES[code] ?? 'the log of the other node says why'
}
