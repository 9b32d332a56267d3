/**
 * A log record as a sentence for a terminal: the message, and whom it is about if it does not say so itself. The other
 * fields are for files and pipes, where logs are JSON.
 */
export function sentence(fields: Readonly<Record<string, unknown>>): string {
  const { component, msg, peer, code, addresses, err } = fields
  const text = typeof msg === 'string' ? msg : ''
  const about = [
    ...(typeof peer === 'string' && !text.includes(peer.slice(-8)) ? [`…${peer.slice(-8)}`] : []),
    ...(typeof code === 'string' && !text.includes(code) ? [code] : []),
    ...(Array.isArray(addresses) ? addresses.map(String) : []),
  ]
  const prefix = typeof component === 'string' ? `${component}: ` : ''
  const stack = (err as { stack?: unknown } | undefined)?.stack
  const trace = typeof stack === 'string' ? `\n${stack}` : ''
  return `${prefix}${text}${about.length === 0 ? '' : ` (${about.join(', ')})`}${trace}`
}
