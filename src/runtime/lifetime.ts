import { closeOnce } from './close-once.ts'

type Closeable = { close: () => unknown }

/** Owns what a process opens, and closes it in reverse order, once. */
export type Lifetime = Readonly<{
  /** Call it on the line that opens the resource. */
  own: <T extends Closeable>(resource: T) => T
  close: () => Promise<void>
}>

export function createLifetime(): Lifetime {
  const resources: Closeable[] = []
  return {
    own: (resource) => {
      resources.push(resource)
      return resource
    },
    close: closeOnce(() => closeAll(resources)),
  }
}

/** Closes every resource, even after failures, which it collects. */
async function closeAll(resources: Closeable[]): Promise<void> {
  const failures: unknown[] = []
  for (const resource of resources.reverse()) {
    try {
      await resource.close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'closing failed')
}
