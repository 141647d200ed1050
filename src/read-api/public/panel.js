import { element } from './element.js'

/** A section with a notice while it has nothing to show: it is loading, empty or has failed. */
export function panel(id, { emptyText } = {}) {
  const section = document.getElementById(id)
  const notice = element('p', { className: 'notice', role: 'status' })
  section.append(notice)
  const show = (state) => (text) => {
    if (section.dataset.state === state && notice.textContent === text) return
    section.dataset.state = state
    notice.textContent = text
  }
  const shown = {
    section,
    find: (selector) => section.querySelector(selector),
    loading: show('loading'),
    empty: show('empty'),
    /** What was shown before stays readable, below the error. */
    error: show('error'),
    ready: () => show('ready')(''),
  }
  if (emptyText === undefined) shown.loading('Loading')
  else shown.empty(emptyText)
  return shown
}
