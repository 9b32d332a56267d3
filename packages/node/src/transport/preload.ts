/**
 * Begins to load libp2p: to be called before the training backend starts in its own thread, so that the two overlap.
 * Failures show when the network is opened.
 */
export function preloadNetwork(): void {
  void Promise.all([
    import('./libp2p-node.js'),
    import('./direct-protocols.js'),
    import('./gossip.js'),
  ]).catch(() => undefined)
}
