import helmet from '@fastify/helmet'
import type { RouteServer } from './routes.ts'

/** Pages load nothing from elsewhere; Swagger UI, at `/docs`, styles its elements inline. */
export const contentSecurityPolicy = {
  'default-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
  'base-uri': ["'self'"],
  'frame-ancestors': ["'self'"],
}

/** For half a year browsers then come by HTTPS alone. */
const strictTransportSecurity = { maxAge: 15_552_000, includeSubDomains: false }

/** Tells browsers, in every answer, what they must not do with it. */
export function addSecurityHeaders(server: RouteServer, isEncrypted: boolean): void {
  server.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: contentSecurityPolicy },
    // Where a proxy encrypts, it is the one to promise that it will.
    strictTransportSecurity: isEncrypted && strictTransportSecurity,
  })
}
