import { configuration } from './generate-configuration.ts'
import { errors } from './generate-errors.ts'
import { guides } from './generate-guides.ts'
import { protobuf } from './generate-protobuf.ts'
import type { Generator } from './generator.ts'

/** Everything that is made from something else; each is a program of its own as well. */
export const generators: readonly Generator[] = [configuration, errors, guides, protobuf]
