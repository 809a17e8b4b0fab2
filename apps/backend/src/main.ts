import './node-guard.ts'
import process from 'node:process'

// Loaded after the guard, as an older Node could not even read them.
const { describe, run } = await import('./run.ts')
