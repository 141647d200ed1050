import { secondOf } from './format.js'

/** A loss is over once the page has been there again for so long. */
const lastingMs = 10_000

/**
 * Shows whether the page is live: the stream is open, the API answers, and the feeds are connected.
 * Calls `onBack` when the API is there again.
 */
export function connection({ onBack }) {
  const sign = document.getElementById('connection')
  const parts = { stream: undefined, api: undefined, feeds: undefined }
  let lostAt
  let lasting
  const show = (state, text) => {
    if (sign.dataset.state === state) return
    clearTimeout(lasting)
    if (state !== 'lost') {
      lasting = setTimeout(() => {
        lostAt = undefined
      }, lastingMs)
    }
    const wasLost = sign.dataset.state === 'lost'
    sign.dataset.state = state
    sign.textContent = text
    if (wasLost) onBack()
  }
  return {
    set: (part, isWell) => {
      parts[part] = isWell
      if (parts.stream === false || parts.api === false) {
        // What was known of the feeds is out of date when the API answers again.
        parts.feeds = undefined
        lostAt ??= secondOf(new Date().toISOString())
        show('lost', `Not live since ${lostAt}, trying again`)
      } else if (!Object.values(parts).includes(undefined)) {
        show(...(parts.feeds ? ['live', 'Live'] : ['idle', 'Not live']))
      }
    },
  }
}
