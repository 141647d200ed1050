/** An answer without the JSON envelope: a page for people, or a document for machines. */
export type Page = Readonly<{
  path: string
  headers: Readonly<Record<string, string>>
  body: () => string | Promise<string>
}>
