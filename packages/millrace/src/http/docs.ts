import swagger, { type SwaggerTransform, type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import type { OpenAPIV3_1 } from 'openapi-types'
import * as z from 'zod'
import { problemSchema, problemType } from './problem.ts'
import type { RouteServer } from './routes.ts'

/** What the documentation says of the app. */
export interface DocsOptions {
  readonly title: string
  readonly version: string
}

/** Collects the routes that are added from here on. To be awaited before the first of them. */
export async function collectDocs(server: RouteServer, { title, version }: DocsOptions): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version },
      components: {
        securitySchemes: {
          adminToken: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN' },
          userToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A user’s access token' },
        },
      },
    },
    transform: asWritten,
    transformObject: withProblems,
  })
}

/** Adds `/docs`, the interactive documentation, whole and offline, and `/openapi.json`. */
export async function addDocs(server: RouteServer, { title }: DocsOptions): Promise<void> {
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger())
  await server.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title },
    uiConfig: { tryItOutEnabled: true, displayRequestDuration: true },
  })
}

/** A module's `/` is shown as it is written, `/todos/`; the router takes it without the slash as well. */
const asWritten: SwaggerTransform = (document) => {
  const { schema, url } = jsonSchemaTransform(document as Parameters<typeof jsonSchemaTransform>[0])
  const { routePath, prefix } = document.route as { routePath?: string; prefix?: string }
  return { schema, url: prefix && routePath === '' ? `${url}/` : url }
}

/** Any operation may answer with a problem: said once, in its `default` response. */
const withProblems: SwaggerTransformObject = (document) => {
  if (!('openapiObject' in document)) throw new TypeError('the documentation is not OpenAPI 3')
  const api = document.openapiObject as Partial<OpenAPIV3_1.Document>
  const content = { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } }
  for (const operation of Object.values(api.paths ?? {}).flatMap(operationsOf)) {
    operation.responses = { ...operation.responses, default: { description: 'What went wrong (RFC 9457)', content } }
  }
  const { $schema: _, ...problem } = z.toJSONSchema(problemSchema)
  return {
    ...api,
    components: { ...api.components, schemas: { ...api.components?.schemas, Problem: problem } },
  } as ReturnType<SwaggerTransformObject>
}

function operationsOf(path: OpenAPIV3_1.PathItemObject | undefined): OpenAPIV3_1.OperationObject[] {
  const { get, put, post, delete: remove, patch } = path ?? {}
  return [get, put, post, remove, patch].filter((operation) => operation !== undefined)
}
