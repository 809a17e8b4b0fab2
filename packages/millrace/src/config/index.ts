export {
  addresses,
  boolean,
  duration,
  integer,
  listOf,
  oneOf,
  type Parser,
  path,
  port,
  postgresUrl,
  string,
} from './parsers.ts'
export { type Configuration, readEnvironment, type ValuesOf, type Variable, type Variables } from './variables.ts'
