export {
  addresses,
  boolean,
  duration,
  httpUrl,
  integer,
  listOf,
  oneOf,
  type Parser,
  port,
  postgresUrl,
  ratio,
  string,
} from './parsers.ts'
export { type Configuration, readEnvironment, type ValuesOf, type Variable, type Variables } from './variables.ts'
