import { connectLog } from './log.fixture.ts'

// A process that joins a group and says what it is told: `node member.fixture.ts <url> <group> <topic> <options in JSON>`.
const [url = '', group = '', topic = '', options = '{}'] = process.argv.slice(2)
const { broker } = await connectLog(url, JSON.parse(options))
const say = (what: string) => process.stdout.write(`${what}\n`)
await broker.join({
  group,
  topics: [topic],
  listener: {
    assigned: ({ partition }) => say(`assigned ${partition}`),
    revoked: async ({ partition }) => {
      say(`revoked ${partition}`)
    },
    lost: ({ partition }) => say(`lost ${partition}`),
  },
})
