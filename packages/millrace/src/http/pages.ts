import { access } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic, { type FastifyStaticOptions } from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { fail } from '../core/errors.ts'
import type { RouteServer } from './routes.ts'

/** A page that is served from files, as bundlers write them: its `index.html`, and what that loads. */
export interface Pages {
  /** Where: `/console`. */
  readonly at: string
  /**
   * The folder: `new URL('../console/dist/', import.meta.url)`. What lies in its `assets` has a hash in its name and is kept by
   * browsers; the rest is asked for again each time. Beside a file, `.br` and `.gz` may lie, which go out instead of it.
   */
  readonly directory: URL
}

/** What a hash in its name says: that it will never be anything else. */
const keptForAYear = 'public, max-age=31536000, immutable'

/** @throws DEFINITION_INVALID */
export function checkPages(pages: readonly Pages[]): void {
  for (const { at } of pages) {
    if (!/^(\/[a-z0-9][a-z0-9-]*)+$/.test(at)) {
      const problem = 'they must be at a path of lower-case letters, digits and "-", such as "/console"'
      throw fail('DEFINITION_INVALID', { what: `Pages at "${at}"`, problem })
    }
  }
}

/** Whether a request's URL is one of these pages’, or of what they load. */
export function isOfPages(url: string, pages: readonly Pages[]): boolean {
  return pages.some(({ at }) => url.startsWith(at) && /^([/?]|$)/.test(url.slice(at.length)))
}

/**
 * Serves pages, on a scope of their own. Their script has routes of its own: a browser that asks for a page is given
 * `index.html`, whatever the path. The folder is looked at with each request, so that it may be built later.
 *
 * @throws PAGES_NOT_BUILT, as the answer where there is no `index.html`
 */
export async function addPages(scope: RouteServer, { at, directory }: Pages): Promise<void> {
  const root = fileURLToPath(directory)
  await scope.register(fastifyStatic, fileOptions(root))
  const isBuilt = () => isThere(join(root, 'index.html'))
  const sendIndex = async (reply: FastifyReply) => {
    if (!(await isBuilt())) throw fail('PAGES_NOT_BUILT', { at })
    return reply.sendFile('index.html')
  }
  const schema = { hide: true }
  scope.get('/', { schema }, (_request, reply) => sendIndex(reply))
  scope.get('/*', { schema }, async (request, reply) => {
    const path = (request.params as { readonly '*': string })['*']
    return asksForPage(request) && !path.startsWith('assets/') ? sendIndex(reply) : reply.sendFile(path)
  })
  if (!(await isBuilt())) scope.log.warn({ at }, 'pages that were not built are answered 503')
}

function fileOptions(root: string): FastifyStaticOptions {
  const assets = join(root, 'assets') + sep
  return {
    ...{ root, serve: false, suppressWarning: true, index: false, preCompressed: true },
    // Not there for anybody; and with a check of paths, their spelling is looked at as well.
    ...{ dotfiles: 'ignore', allowedPath: () => true },
    cacheControl: false,
    // Here, and not where they are asked for: that something is not there must not be kept.
    setHeaders: (reply, path) => {
      reply.header('cache-control', path.startsWith(assets) ? keptForAYear : 'no-cache')
    },
  }
}

/** A browser that opens a page says so; what a page loads is asked for otherwise. */
function asksForPage({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') ?? false
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
