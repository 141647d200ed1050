const timeoutMs = 10_000

/** Reads the `data` of an answer. Rejects with the message of a failure, or if no answer comes. */
export async function read(path, { signal } = {}) {
  const limit = AbortSignal.timeout(timeoutMs)
  const response = await fetch(`/api/v1/${path}`, {
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  }).catch((cause) => {
    throw new Error('the server does not answer', { cause })
  })
  const { data, message } = await response.json()
  if (!response.ok) throw new Error(message)
  return data
}

export const pathOf = (route, symbol, query) =>
  `${route}/${encodeURIComponent(symbol)}?${new URLSearchParams(query)}`
