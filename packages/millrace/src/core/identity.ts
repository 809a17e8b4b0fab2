/** Who a token is of. */
export interface Identity {
  /** The user, as the app's rows name him. */
  readonly id: string
  /** From then on the token is worth nothing; undefined: it does not expire. */
  readonly expiresAt: Date | undefined
}

/** Tells whom a bearer's token is of; undefined where it is forged, expired, revoked, or none at all. */
export type Authenticate = (token: string) => Promise<Identity | undefined>
