import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Clock } from '../clock.js'

/** Whether a connection goes through a relay. */
export const isIndirect = (connection: Connection | undefined): boolean => connection?.direct === false

/** An open connection with a peer: a direct one if there is one. */
export function bestConnection(libp2p: Pick<Libp2p, 'getConnections'>, peer: PeerId): Connection | undefined {
  const open = libp2p.getConnections(peer).filter(({ status }) => status === 'open')
  return open.find((connection) => !isIndirect(connection)) ?? open[0]
}

/** Waits for a direct connection with a peer until its relayed one has been open for `waitMs`. */
export async function directConnection(
  libp2p: Libp2p,
  clock: Clock,
  peer: PeerId,
  waitMs: number,
): Promise<void> {
  const connection = bestConnection(libp2p, peer)
  if (connection === undefined || !isIndirect(connection)) return
  const leftMs = connection.timeline.open + waitMs - clock.wallMs()
  if (leftMs <= 0) return
  await new Promise<void>((resolve) => {
    const onOpen = ({ detail }: { readonly detail: Connection }): void => {
      if (detail.remotePeer.equals(peer) && !isIndirect(detail)) end()
    }
    const end = (): void => {
      cancel()
      libp2p.removeEventListener('connection:open', onOpen)
      resolve()
    }
    const cancel = clock.after(leftMs, end)
    libp2p.addEventListener('connection:open', onOpen)
  })
}
