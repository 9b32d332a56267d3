// A reverse proxy as a site has one: ends TLS on a port and passes the bytes on to another of this machine.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createServer } from 'node:tls'

const [port, target, key, certificate] = process.argv.slice(2)
createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (client) => {
  const server = connect(Number(target), '127.0.0.1')
  for (const [from, to] of [
    [client, server],
    [server, client],
  ]) {
    from.on('error', () => to.destroy())
    from.pipe(to)
  }
}).listen(Number(port), () => process.stdout.write('ready\n'))
