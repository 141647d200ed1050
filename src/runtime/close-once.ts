/** A close that runs once: a second call waits for the first. */
type CloseOnce<Args extends readonly unknown[] = []> = ((...args: Args) => Promise<void>) &
  Readonly<{ hasBegun: () => boolean }>

export function closeOnce<Args extends readonly unknown[]>(
  close: (...args: Args) => Promise<unknown>,
): CloseOnce<Args> {
  let closing: Promise<void> | undefined
  const once = (...args: Args) => {
    closing ??= close(...args).then(() => {})
    return closing
  }
  return Object.assign(once, { hasBegun: () => closing !== undefined })
}
