/**
 * Addresses to listen on as in the epoch before: where the system chose a port (0), the one that it chose, since the others know
 * the node by it.
 *
 * @param listen - multiaddrs as they were configured
 * @param heard - multiaddrs that the node had
 */
export function samePorts(listen: readonly string[], heard: readonly string[]): string[] {
  return listen.map((address) => {
    if (!FREE_PORT.test(address)) return address
    const port = heard.find((one) => kindOf(one) === kindOf(address))?.match(/\/tcp\/(\d+)/)?.[1]
    return port === undefined ? address : address.replace(FREE_PORT, `/tcp/${port}`)
  })
}

const FREE_PORT = /\/tcp\/0(?=\/|$)/

/** What tells listeners apart that are not the same: the family of the address, and whether it is a WebSocket. */
function kindOf(address: string): string {
  const [, family = ''] = address.split('/')
  return address.includes('/p2p-circuit') ? 'circuit' : `${family} ${/\/wss?(\/|$)/.test(address)}`
}
