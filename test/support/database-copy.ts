import type { Db, Document } from 'mongodb'

export type DatabaseCopy = readonly Readonly<{
  name: string
  options: Document
  documents: readonly Document[]
}>[]

/** A copy of the whole database; nobody may write to it meanwhile. */
export async function copyDatabase(db: Db): Promise<DatabaseCopy> {
  const collections = await db.listCollections<{ name: string; options?: Document }>().toArray()
  return Promise.all(
    collections.map(async ({ name, options = {} }) => {
      const documents = await db.collection(name).find().toArray()
      return { name, options, documents }
    }),
  )
}

export async function putBack(db: Db, copy: DatabaseCopy): Promise<void> {
  await db.dropDatabase()
  for (const { name, options, documents } of copy) {
    // Running processes report meanwhile, and so make it again.
    if (name === 'tradelog_status') continue
    await db.createCollection(name, options)
    if (documents.length > 0) await db.collection(name).insertMany([...documents])
  }
}
