import { createHash } from 'node:crypto'
import { contentSecurityPolicy } from '../http/headers.ts'
import type { Schema } from '../http/schema.ts'
import type { OpenApiDocument, Operation, Response } from './openapi.ts'
import type { Page } from './page.ts'

/** The document as a page for people. It loads nothing and runs no script, so it works offline. */
export const docsPage = (document: OpenApiDocument): Page => ({
  path: '/docs',
  headers: {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': contentSecurityPolicy([`style-src 'sha256-${sha256(style)}'`]),
  },
  body: () => html(document),
})

const style = `
:root { color-scheme: light dark; background: Canvas; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2, td:last-child { overflow-wrap: anywhere }
h2 { margin-top: 3rem; border-top: 1px solid #8886; padding-top: 1rem; font-family: monospace }
table { border-collapse: collapse; width: 100%; margin-top: 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
td { border-top: 1px solid #8883 }
code { font-size: .95em }
@media (max-width: 40rem) {
  h2 { font-size: 1.2rem }
  table { font-size: .875rem }
  th, td { padding-right: .5rem }
}
@media (min-width: 40rem) { wbr { display: none } }
`

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64')

const html = ({ info, paths }: OpenApiDocument): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(info.title)} API</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(info.title)} API</h1>
<p>${escaped(info.description)}</p>
<p>For machines: <a href="/openapi.json">/openapi.json</a></p>
<ul>
${Object.keys(paths).map(link).join('\n')}
</ul>
${Object.entries(paths)
  .map(([path, { get }]) => section(path, get))
  .join('\n')}
</body>
</html>
`

const link = (path: string): string =>
  `<li><a href="#${escaped(path)}"><code>${escaped(path)}</code></a></li>`

const section = (path: string, { summary, parameters, responses }: Operation): string =>
  `<section>
<h2 id="${escaped(path)}">GET ${escaped(path)}</h2>
<p>${prose(summary)}</p>
${table(
  ['Parameter', 'In', 'Values', 'Meaning'],
  parameters.map(({ name, in: part, schema }) => [
    name,
    part,
    valuesOf(schema),
    schema.description ?? '',
  ]),
)}
${table(['Answer', 'Type', 'Meaning'], answerOf(responses['200']))}
${table(
  ['Status', 'Codes'],
  Object.entries(responses)
    .filter(([status]) => status !== '200')
    .map(([status, { description }]) => [status, description]),
)}
</section>`

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const head = heads.map((text) => `<th>${text}</th>`).join('')
  const body = rows.map((cells) => `<tr>${cells.map(cell).join('')}</tr>`).join('\n')
  return `<table>\n<tr>${head}</tr>\n${body}\n</table>`
}

const cell = (text: string, index: number): string =>
  index === 0 ? `<td><code>${breakable(escaped(text))}</code></td>` : `<td>${prose(text)}</td>`

const prose = (text: string): string => escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')

/** On a narrow page, the path of a field may break after any of its parts. */
const breakable = (markup: string): string => markup.replaceAll(/[._](?=\w)/g, '$&<wbr>')

/** The `data` of an envelope, or every event of a stream. */
function answerOf({ content = {} }: Response = { description: '' }): string[][] {
  const { data } = content['application/json']?.schema.properties ?? {}
  const events = content['text/event-stream']?.schema.properties ?? {}
  const answers = data === undefined ? events : { data }
  return Object.entries(answers).flatMap(([name, schema]) => fieldsOf(name, schema))
}

/** One row per field, by its path: `data.pagination.next_cursor`, `data.data[].price`. */
function fieldsOf(path: string, schema: Schema): string[][] {
  const own = [path, [schema.type ?? []].flat().join(' or '), schema.description ?? '']
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    fieldsOf(`${path}.${name}`, property),
  )
  const items = schema.items === undefined ? [] : fieldsOf(`${path}[]`, schema.items)
  return [own, ...inner, ...items]
}

function valuesOf({ type, minimum, maximum, enum: values, default: usual }: Schema): string {
  const range = minimum === undefined ? String(type) : `${minimum} to ${maximum}`
  const usually = usual === undefined ? '' : `; default ${usual}`
  return (values?.join(', ') ?? range) + usually
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (char) => entities[char] ?? '')
