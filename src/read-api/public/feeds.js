import { read } from './api.js'
import { element } from './element.js'
import { minuteOf, secondOf } from './format.js'
import { refresher } from './refresher.js'

const everyMs = 1_000

/** Shows what ingest says of each feed. Tells whether all of them are connected and well. */
export function feedSigns({ onAnswer }) {
  const shown = document.getElementById('feeds')
  let last = ''
  const show = (signs) => {
    const text = JSON.stringify(signs)
    // A screen reader says what is replaced: only news, and no count that rises.
    if (text !== last) {
      shown.ariaLive = withoutNumbers(text) === withoutNumbers(last) ? 'off' : 'polite'
      shown.replaceChildren(...signs.map(sign))
    }
    last = text
    onAnswer(signs.every(({ state }) => state === 'connected'))
  }
  const refresh = refresher({
    load: async (signal) => {
      show(signsOf(await read('feeds', { signal })))
      refresh.ask()
    },
    everyMs,
    onError: ({ message }) => show([{ state: 'trouble', text: `Feed not known: ${message}` }]),
  })
  return { refresh: refresh.ask }
}

const withoutNumbers = (text) => text.replaceAll(/\d+/g, '')

function sign({ state, text }) {
  const made = element('p', {}, text)
  made.dataset.state = state
  return made
}

function signsOf({ data, ingest }) {
  if (ingest.state !== 'active') return [idle(ingest), ...others(ingest)]
  const feeds = data.map(ofFeed)
  const areConnected = feeds.every(({ state }) => state === 'connected')
  const one = { state: 'connected', text: `${feeds.length} feeds connected` }
  return [...(areConnected && feeds.length > 1 ? [one] : feeds), ...others(ingest)]
}

function ofFeed({ source, state, since, problem }) {
  const why = problem === null ? '' : `: ${problem}`
  const name = `Feed ${source}`
  const sinceWhen = `since ${momentOf(since)}${why}`
  if (state === 'played') {
    return { state: problem === null ? 'idle' : 'warning', text: `The file has been played${why}` }
  }
  if (state === 'connecting') return { state: 'warning', text: `${name} connecting ${sinceWhen}` }
  if (state !== 'connected') return { state: 'trouble', text: `${name} not connected ${sinceWhen}` }
  if (problem !== null) return { state: 'warning', text: `${name}${why}` }
  return { state: 'connected', text: `${name} connected` }
}

function idle({ state, since }) {
  if (state === 'no feed') return { state: 'idle', text: 'No feed' }
  if (since === null) return { state: 'trouble', text: 'No process has reported on the feed' }
  const when = momentOf(since)
  const text = {
    'not reported': `No report on the feed since ${when}`,
    'standing by': `No process listens to the feed since ${when}: ingest stands by`,
    stopped: `No process listens to the feed since ${when}: ingest has stopped`,
  }[state]
  return { state: 'trouble', text }
}

/** What else keeps ingest from filling the log: that a feed or ingest is idle is said already. */
const others = ({ state, problems }) =>
  problems
    .filter(({ part }) => (state === 'active' ? !part.startsWith('feed') : part !== 'ingest'))
    .map(({ part, message, since }) => ({
      state: 'trouble',
      text: `${part} ${message}, since ${momentOf(since)}`,
    }))

/** The time of day, with the date if it isn't today. */
const momentOf = (iso) =>
  iso.slice(0, 10) === new Date().toISOString().slice(0, 10) ? secondOf(iso) : minuteOf(iso)
