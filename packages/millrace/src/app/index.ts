export { type App, createApp } from './create-app.ts'
export type { AppOptions, HttpOptions, InternalBroker, Role } from './options.ts'
