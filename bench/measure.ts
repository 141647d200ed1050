import type { Given } from './part.ts'
import { subjectOf } from './parts.ts'

/** The process of one measurement: `measure.js PART SUBJECT GIVEN`, started by the run. */
const [part = '', subject = '', given = '{}'] = process.argv.slice(2)
const work: Given = JSON.parse(given)
const measured = await subjectOf(part, subject, work)(work)
process.stdout.write(JSON.stringify(measured))
