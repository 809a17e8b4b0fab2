import { isIP } from 'node:net'
import { type ConnectionOptions, connectionsConnectsChannel } from '@platformatic/kafka'

/** Which host the library is about to connect to: it says so, then reads the options, with nothing in between. */
let connectingTo = ''
let isFollowing = false

/**
 * How connections are encrypted. Each names the host it is for, by which proxies in front of brokers tell where it is to
 * go. Addresses are left out: the library's own `tlsServerName` names them too, which Node refuses, and who asks for
 * such a connection again is never answered.
 */
export function tlsOptions(options: { readonly ca?: string }): NonNullable<ConnectionOptions['tls']> {
  if (!isFollowing) connectionsConnectsChannel.start.subscribe(noteHost)
  isFollowing = true
  return {
    ...options,
    get servername() {
      return isIP(connectingTo) === 0 ? connectingTo : ''
    },
  }
}

function noteHost(message: unknown): void {
  const { host } = message as { readonly host?: unknown }
  if (typeof host === 'string') connectingTo = host
}
