import { type Db, MongoServerError } from 'mongodb'
import { crashPoint } from '../../runtime/crash-point.ts'
import { newGenerationId } from '../generation-id.ts'
import type { GenerationInfo, RowKind } from '../read-model-store.ts'
import type { Catalogue, GenerationDocument } from './catalogue.ts'
import { deleteCheckpoint } from './checkpoints.ts'
import { generationDropped, isNamespaceNotFound } from './errors.ts'

const droppedKeptMs = 24 * 60 * 60 * 1000

/** Makes the collection first: a generation without one counts as lost. */
export async function createGeneration(
  { db, generations }: Catalogue,
  { model, version, kind }: Pick<GenerationInfo, 'model' | 'version' | 'kind'>,
): Promise<GenerationInfo> {
  const createdAt = Date.now()
  const id = newGenerationId(model, createdAt)
  crashPoint('generation:to-make')
  await createCollection(db, id, kind)
  crashPoint('generation:collection-made')
  await generations.insertOne({ _id: id, model, version, kind, createdAt, droppedAt: null })
  crashPoint('generation:inserted')
  return { id, model, version, kind, createdAt }
}

/** Rejects with `GENERATION_DROPPED` if the document is gone or marked. */
export async function loadGeneration(
  { generations }: Catalogue,
  id: string,
): Promise<GenerationDocument> {
  const document = await generations.findOne({ _id: id })
  if (document === null || document.droppedAt !== null) throw generationDropped(id)
  return document
}

/** Also rejects if the collection is missing: its rows are lost, so its checkpoint is void. */
export async function loadWholeGeneration(
  catalogue: Catalogue,
  id: string,
): Promise<GenerationDocument> {
  const [document, collections] = await Promise.all([
    loadGeneration(catalogue, id),
    catalogue.db.listCollections({ name: id }, { nameOnly: true }).toArray(),
  ])
  if (collections.length === 0) throw generationDropped(id)
  return document
}

export async function listGenerations(
  { generations }: Catalogue,
  model: string | undefined,
): Promise<GenerationInfo[]> {
  // Ids begin with the model and a dash; a dot is the character after it.
  const filter = model === undefined ? {} : { _id: { $gte: `${model}-`, $lt: `${model}.` }, model }
  const documents = await generations.find(filter).toArray()
  return documents
    .filter(({ droppedAt }) => droppedAt === null)
    .map(infoOf)
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
}

/** Marks first, so that no writer commits any more; also completes earlier drops. */
export async function dropGeneration(catalogue: Catalogue, id: string): Promise<void> {
  const { db, generations, checkpoints } = catalogue
  const now = Date.now()
  await generations.updateOne({ _id: id, droppedAt: null }, { $set: { droppedAt: now } })
  crashPoint('generation:marked-dropped')
  for (const { _id, droppedAt } of await generations.find().toArray()) {
    if (droppedAt === null) continue
    await removeCollection(db, _id)
    crashPoint('generation:collection-removed')
    await deleteCheckpoint(checkpoints, _id)
    crashPoint('generation:checkpoint-removed')
    if (droppedAt < now - droppedKeptMs) await generations.deleteOne({ _id })
  }
}

export const infoOf = ({ _id, droppedAt: _, ...info }: GenerationDocument): GenerationInfo => ({
  id: _id,
  ...info,
})

/** Series rows come nearly in key order: clustered, each is written once, without an index. */
async function createCollection(db: Db, name: string, kind: RowKind): Promise<void> {
  if (kind === 'series') {
    try {
      await db.createCollection(name, { clusteredIndex: { key: { _id: 1 }, unique: true } })
      return
    } catch (error) {
      // Servers that can't cluster answer with different codes; a plain collection works as well.
      if (!(error instanceof MongoServerError)) throw error
    }
  }
  await db.createCollection(name)
}

async function removeCollection(db: Db, name: string): Promise<void> {
  try {
    await db.dropCollection(name)
  } catch (error) {
    if (!isNamespaceNotFound(error)) throw error
  }
}
