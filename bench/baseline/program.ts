import { startBaseline } from './consumer.ts'

/** The baseline as a process to be killed: `program.js OPTIONS`. */
await startBaseline(JSON.parse(process.argv[2] ?? '{}'))
