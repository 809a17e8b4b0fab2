export { createJwksAuthenticate, type JwksOptions } from './jwks.ts'
export { createJwtTokens, type IssuedToken, type JwtTokens, type JwtTokensOptions } from './tokens.ts'
