export { type App, createApp } from './create-app.ts'
export type { AppOptions, InternalBroker, Role } from './options.ts'
