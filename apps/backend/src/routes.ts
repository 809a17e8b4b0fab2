import { defineRoutes } from 'millrace'
import * as z from 'zod'

const greeting = { summary: 'Greet', response: { 200: z.object({ Hello: z.string() }) } }

/** The app's own routes. */
export const appRoutes = defineRoutes((route) => {
  route.get('/', { schema: greeting }, async () => ({ Hello: 'Millrace' }))
})
