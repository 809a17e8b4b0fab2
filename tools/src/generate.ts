import { runGenerator } from './generator.ts'
import { generators } from './generators.ts'

for (const generator of generators) await runGenerator(generator)
