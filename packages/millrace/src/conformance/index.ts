export type { BrokerUnderTest } from './broker/stage.ts'
export type { BrokerCase, BrokerSuiteOptions } from './broker/suite.ts'
export { describeBroker } from './broker/suite.ts'
