/**
 * Begins to load libp2p, which takes about as long as the training backend takes to start in its own thread: called
 * before that, it costs no time of its own. Failures show when the network is opened.
 */
export function preloadNetwork(): void {
  void Promise.all([
    import('./libp2p-node.js'),
    import('./direct-protocols.js'),
    import('./gossip.js'),
  ]).catch(() => undefined)
}
