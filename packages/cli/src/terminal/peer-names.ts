/** Names of nodes by peer id, where folders give them. */
export type Names = ReadonlyMap<string, string>

/** `node-03 (…4kQzW8aB)`, or the short id alone where no folder gives a name. */
export function peerText(peer: string, names: Names): string {
  const name = names.get(peer)
  return name === undefined ? `…${peer.slice(-8)}` : `${name} (…${peer.slice(-8)})`
}
