import { soakOptions, soakUsage } from './options.ts'
import { markdownOfSoak } from './report.ts'
import { soak } from './soak.ts'

const options = soakOptions(process.argv.slice(2))
if (options === undefined) {
  process.stdout.write(soakUsage)
} else {
  const report = await soak(options, (text) => process.stderr.write(`${text}\n`))
  process.stdout.write(`${markdownOfSoak(report)}\n${JSON.stringify(report)}\n`)
  process.exitCode = report.failures.length === 0 ? 0 : 1
}
