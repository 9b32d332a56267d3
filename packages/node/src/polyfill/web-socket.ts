/** @libp2p/websockets dials with the global of browsers, which Node has from 22 on; this one is what it listens with. */
export async function provideWebSocket(): Promise<void> {
  if (typeof globalThis.WebSocket === 'function') return
  const { WebSocket } = await import('ws')
  Object.assign(globalThis, { WebSocket })
}
