/** A close that runs once: a second call waits for the first. */
export type CloseOnce = (() => Promise<void>) & Readonly<{ hasBegun: () => boolean }>

export function closeOnce(close: () => Promise<unknown>): CloseOnce {
  let closing: Promise<void> | undefined
  const once = () => {
    closing ??= close().then(() => {})
    return closing
  }
  return Object.assign(once, { hasBegun: () => closing !== undefined })
}
