import type { Db } from 'mongodb'
import type { UnixMs } from '../../domain/time.ts'
import type { Row, StatusRow } from '../read-model-store.ts'

type StatusDocument = { _id: string; writtenAt: UnixMs; status: Row }

export type Statuses = Readonly<{
  write: (source: string, status: Row) => Promise<void>
  /** Newest first. */
  list: () => Promise<StatusRow[]>
}>

/** Processes come and go under new names; what they said of themselves is not kept for ever. */
const keptMs = 7 * 24 * 60 * 60 * 1000

export function openStatuses(db: Db): Statuses {
  const statuses = db.collection<StatusDocument>('tradelog_status')
  let forgotten = false

  const list = async () => {
    const documents = await statuses.find().toArray()
    return documents
      .map(({ _id, ...rest }) => ({ source: _id, ...rest }))
      .sort((a, b) => b.writtenAt - a.writtenAt)
  }
  const forgetOld = async () => {
    const old = (await list()).filter(({ writtenAt }) => writtenAt < Date.now() - keptMs)
    await statuses.deleteMany({ _id: { $in: old.map(({ source }) => source) } })
  }
  const write = async (source: string, status: Row) => {
    const document = { writtenAt: Date.now(), status }
    await statuses.replaceOne({ _id: source }, document, { upsert: true })
    if (forgotten) return
    forgotten = true
    await forgetOld()
  }
  return { write, list }
}
