import { secondOf } from './format.js'

/**
 * Shows whether the page is live: the stream is open, the API answers, and the feeds are connected.
 * Calls `onBack` when the API is there again.
 */
export function connection({ onBack }) {
  const sign = document.getElementById('connection')
  const parts = { stream: undefined, api: undefined, feeds: undefined }
  const show = (state, text) => {
    if (sign.dataset.state === state) return
    const wasLost = sign.dataset.state === 'lost'
    sign.dataset.state = state
    sign.textContent = text
    if (wasLost) onBack()
  }
  return {
    set: (part, isWell) => {
      parts[part] = isWell
      const now = secondOf(new Date().toISOString())
      if (parts.stream === false || parts.api === false) {
        // What was known of the feeds is out of date when the API answers again.
        parts.feeds = undefined
        show('lost', `Not live since ${now}, trying again`)
      } else if (!Object.values(parts).includes(undefined)) {
        show(...(parts.feeds ? ['live', 'Live'] : ['idle', 'Not live']))
      }
    },
  }
}
