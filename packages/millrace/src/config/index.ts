export {
  addresses,
  boolean,
  duration,
  httpUrl,
  integer,
  listOf,
  mailAddress,
  names,
  oneOf,
  type Parser,
  port,
  postgresUrl,
  ratio,
  string,
  topicName,
  url,
} from './parsers.ts'
export { type Configuration, readEnvironment, type ValuesOf, type Variable, type Variables } from './variables.ts'
