import { describe, expect, test } from 'vitest'
import { serve } from './server.fixture.ts'

const paths = ['/health/live', '/things/1', '/docs/', '/nowhere', '/things/broken']

describe('security headers', () => {
  test.each(paths)('%s has them', async (url) => {
    const { headers } = await serve().server.inject(url)
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
    })
    // Without TLS of its own the process cannot promise it.
    expect(headers['strict-transport-security']).toBeUndefined()
  })

  test('the documentation loads under them: from here, nothing inline but styles', async () => {
    const { server } = serve()
    const { body, headers } = await server.inject('/docs/')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("style-src 'self' 'unsafe-inline'")
    expect(body).not.toMatch(/<script>|<script (?![^>]*src=)/)
    const sources = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source = '']) => source)
    expect(sources.length).toBeGreaterThan(2)
    for (const source of sources) {
      expect(source).not.toMatch(/^(https?:)?\/\//)
      expect((await server.inject(new URL(source, 'http://localhost/docs/').pathname)).statusCode).toBe(200)
    }
  })
})

describe('other origins', () => {
  const from = (origin: string) => ({ origin, 'access-control-request-method': 'PUT' })

  test('may read nothing unless they are named', async () => {
    const { server } = serve()
    const answer = await server.inject({ url: '/things/1', headers: from('https://app.example') })
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  })

  test('that are named may read answers, refusals too, and ask beforehand', async () => {
    const { server } = serve({ corsOrigins: ['https://app.example', 'https://other.example'] })
    for (const url of ['/things/1', '/nowhere', '/admin/consumers']) {
      const answer = await server.inject({ url, headers: from('https://app.example') })
      expect(answer.headers['access-control-allow-origin']).toBe('https://app.example')
      const stranger = await server.inject({ url, headers: from('https://evil.example') })
      expect(stranger.headers['access-control-allow-origin']).toBeUndefined()
    }
    const preflight = await server.inject({ method: 'OPTIONS', url: '/things/1', headers: from('https://app.example') })
    expect([preflight.statusCode, preflight.headers['access-control-allow-methods']]).toEqual([
      204,
      'GET, HEAD, POST, PUT, PATCH, DELETE',
    ])
  })
})
