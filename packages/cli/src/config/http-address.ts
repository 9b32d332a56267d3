import { isIP } from 'node:net'

export interface HttpAddress {
  readonly host: string
  readonly port: number
}

/** What an address of the HTTP server must be. */
export const HTTP_ADDRESS = 'must be host:port, e.g. 127.0.0.1:9464, or a port alone for this machine only'

/** `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`, or `9464` for loopback; undefined for anything else. */
export function parseHttpAddress(text: string): HttpAddress | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) return undefined
  const [, six, host = six ?? '127.0.0.1'] = match
  return six !== undefined && isIP(six) !== 6 ? undefined : { host, port }
}

/** Whether only this machine can reach it. */
export function isLoopback({ host }: HttpAddress): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
