export {
  addresses,
  boolean,
  duration,
  httpUrl,
  integer,
  listOf,
  oneOf,
  origins,
  type Parser,
  port,
  postgresUrl,
  proxies,
  ratio,
  secret,
  string,
} from './parsers.ts'
export { type Configuration, readEnvironment, type ValuesOf, type Variable, type Variables } from './variables.ts'
