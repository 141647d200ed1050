const timeoutMs = 10_000

/** The `data` of an answer. Rejects with what the answer, or the way to it, says is wrong. */
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
