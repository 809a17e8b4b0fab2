// Loaded before anything else (`node --import`), so that a Node which cannot load TypeScript says what is the matter.
// Plain JavaScript for that reason. The version is that of packages/millrace/src/main/node-version.ts.
const needed = 26

if (Number.parseInt(process.versions.node, 10) < needed) {
  process.stderr.write(
    `Millrace needs Node ${needed} or newer; this is ${process.versions.node}.\n` +
      'Run it through the npm scripts (npm start, npm test): npm install brings the right Node, ' +
      'unless it is told to leave out optional dependencies.\n',
  )
  process.exit(1)
}
