import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The app that the development server hands requests on to. */
const app = 'http://127.0.0.1:8003'

/** Libraries that change at different times, so that browsers keep the rest of them. */
const libraries = [
  { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
  { name: 'mantine', test: /node_modules[\\/](@mantine|@floating-ui)[\\/]/ },
  { name: 'libraries', test: /node_modules[\\/]/ },
]

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: {
    // The page's policy lets it load files from here, and pictures written out in style sheets are none.
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: { groups: libraries } } },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': app, '/docs': app, '/openapi.json': app, '/ws': { target: app, ws: true } },
  },
})
