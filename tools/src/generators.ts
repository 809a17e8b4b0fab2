import { configuration } from './generate-configuration.ts'
import { errors } from './generate-errors.ts'
import { guides } from './generate-guides.ts'
import { metrics } from './generate-metrics.ts'
import { protobuf } from './generate-protobuf.ts'
import type { Generator } from './generator.ts'

/** Everything that is made from something else; each is a program of its own as well. */
export const generators: readonly Generator[] = [configuration, errors, guides, metrics, protobuf]
