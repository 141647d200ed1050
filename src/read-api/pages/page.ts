/** An answer that is no JSON envelope: a page for people, the document for machines. */
export type Page = Readonly<{
  path: string
  headers: Readonly<Record<string, string>>
  body: () => string | Promise<string>
}>
