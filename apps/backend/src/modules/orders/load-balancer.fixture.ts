import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** An answer, whole. */
export interface Answer {
  readonly status: number
  readonly body: string
}

interface Backend {
  readonly url: string
  readonly agent: Agent
  /** Checks have a connection of their own: they must not wait behind requests. */
  readonly checks: Agent
  isReady: boolean
}

/** How often each backend is asked whether it is ready. */
export const checkEveryMs = 100

/**
 * What a load balancer does: it keeps connections to its backends, and hands requests in turn to those that have said of
 * late that they are ready. A request is sent once: whatever goes wrong with it is a failure.
 */
export class LoadBalancer implements Disposable {
  readonly #backends: Backend[]
  readonly #checking: NodeJS.Timeout
  #turn = 0

  constructor(urls: readonly string[]) {
    this.#backends = urls.map((url) => ({
      url,
      agent: new Agent({ keepAlive: true, maxSockets: 64 }),
      checks: new Agent({ keepAlive: true }),
      isReady: true,
    }))
    this.#checking = setInterval(() => this.#backends.forEach((backend) => void this.#check(backend)), checkEveryMs)
  }

  /** Whether a backend is in use. */
  isReady(url: string): boolean {
    return this.#backends.some((backend) => backend.url === url && backend.isReady)
  }

  /** @throws what the connection does */
  async send(method: string, path: string, body?: object): Promise<Answer> {
    const ready = this.#backends.filter(({ isReady }) => isReady)
    const backend = ready[this.#turn++ % ready.length]
    if (!backend) throw new Error('no backend is ready')
    const answer = await exchange(backend.url, { method, path, body, agent: backend.agent })
    return { status: answer.statusCode ?? 0, body: await text(answer) }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#checking)
    for (const { agent, checks } of this.#backends) {
      agent.destroy()
      checks.destroy()
    }
  }

  async #check(backend: Backend): Promise<void> {
    try {
      const answer = await exchange(backend.url, { method: 'GET', path: '/health/ready', agent: backend.checks })
      answer.resume()
      backend.isReady = answer.statusCode === 200
    } catch {
      backend.isReady = false
    }
  }
}

interface Exchange {
  readonly method: string
  readonly path: string
  readonly body?: object | undefined
  readonly agent: Agent
}

async function exchange(url: string, { method, path, body, agent }: Exchange): Promise<IncomingMessage> {
  const headers = body ? { 'content-type': 'application/json' } : {}
  const sent = request(url + path, { method, agent, headers })
  sent.end(body && JSON.stringify(body))
  const [answer] = await once(sent, 'response')
  return answer as IncomingMessage
}
