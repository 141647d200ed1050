import { read } from './api.js'
import { element } from './element.js'
import { formatCompact, formatCount, formatDuration, secondOf } from './format.js'
import { panel } from './panel.js'
import { refresher } from './refresher.js'

const everyMs = 500

/** Shows every read model. It polls all the time, which also shows whether the API answers. */
export function readModelPanel({ onAnswer, onError }) {
  const shown = panel('read-models')
  const cards = shown.find('.cards')
  const load = async (signal) => {
    const { data } = await read('read-models', { signal })
    cards.replaceChildren(...data.map(card))
    shown.ready()
    onAnswer()
    refresh.ask()
  }
  const refresh = refresher({
    load,
    everyMs,
    onError: (error) => {
      shown.error(error.message)
      onError(error)
    },
  })
  return { refresh: refresh.ask }
}

const card = (model) =>
  element(
    'article',
    {},
    element(
      'h3',
      {},
      model.name,
      element('small', {}, model.version === null ? '' : `v${model.version}`),
    ),
    state(model),
    element('p', { className: 'generation' }, model.generation ?? 'no generation yet'),
    figures(model),
    ...(model.error === null ? [] : [problem(model.error)]),
    ...(model.replay === null ? [] : replay(model.replay)),
    verification(model),
  )

function state({ state, since }) {
  const title = since === null ? '' : `since ${since}`
  const made = element('p', { className: 'state', title }, state)
  made.dataset.state = state
  return made
}

function figures({ lag, events_applied, last_update_at }) {
  const entries = [
    ['Lag', lag === null ? '–' : formatCount(lag)],
    ['Applied', formatCount(events_applied)],
    ['Updated', last_update_at === null ? '–' : secondOf(last_update_at)],
  ]
  const pair = ([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, value))
  return element('dl', {}, ...entries.map(pair))
}

const problem = ({ code, message }) => element('p', { className: 'problem' }, `${code}: ${message}`)

function replay(replay) {
  const { state, is_stale, generation, events_done, events_total, error } = replay
  if (state === 'failed') return [problem(error ?? { code: 'Replay', message: 'failed' })]
  if (state === 'interrupted') {
    return [element('p', { className: 'replay' }, `Replay interrupted at ${share(replay)}`)]
  }
  if (state === 'promoted') return [element('p', { className: 'replay' }, replayed(replay))]
  if (is_stale)
    return [problem({ code: 'Replay', message: `no report since ${secondOf(replay.status_at)}` })]
  const label = `Replay into ${generation}`
  const bar = element('progress', {
    max: Math.max(1, events_total),
    value: events_done,
    ariaLabel: label,
  })
  return [element('div', { className: 'replay' }, bar, element('p', {}, replaying(replay)))]
}

const share = ({ events_done, events_total }) =>
  `${events_total === 0 ? 100 : Math.floor((100 * events_done) / events_total)} %`

function replaying({ events_per_second, remaining_ms, ...done }) {
  const rest = remaining_ms === null ? '' : ` · ${formatDuration(remaining_ms)} left`
  return `Replaying ${share(done)} · ${formatCompact(events_per_second)}/s${rest}`
}

const replayed = ({ events_done, started_at }) =>
  `Replayed: ${formatCount(events_done)} events read, ${secondOf(started_at)}`

/** A verification proves something about the generation that it read, and about no other. */
function verification({ verification, generation }) {
  const made = element('p', { className: 'verification' }, 'Not verified yet')
  if (verification === null) return made
  const { result, rows_compared, finished_at, detail } = verification
  const isOfAnother = verification.generation !== generation
  made.dataset.result = isOfAnother ? 'past' : result
  made.textContent = isOfAnother
    ? `Another generation verified: ${result}`
    : `Verified ${secondOf(finished_at)}: ${result} · ${formatCount(rows_compared)} rows`
  if (detail !== null) made.append(element('span', { className: 'problem' }, detail))
  return made
}
