import { secondOf } from './format.js'

/**
 * Shows whether the page is live: the stream is open and the API answers. Calls `onBack` when it is
 * live again.
 */
export function connection({ onBack }) {
  const sign = document.getElementById('connection')
  const parts = { stream: undefined, api: undefined }
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
      const all = Object.values(parts)
      const now = secondOf(new Date().toISOString())
      if (all.includes(false)) show('lost', `Not live since ${now}, trying again`)
      else if (!all.includes(undefined)) show('live', 'Live')
    },
  }
}
