import { createRequire } from 'node:module'

type Connect = (this: object) => Promise<boolean>

const underWay = new WeakMap<object, Promise<boolean>>()
let isInPlace = false

/**
 * Two requests at once on a connection that isn't open yet make kafkajs 2.2.4 open two sockets and
 * forget one of them, which nobody closes: it keeps a process from ending. Here the second request
 * waits for the connection of the first.
 */
export function connectOnceAtATime(): void {
  if (isInPlace) return
  isInPlace = true
  const require = createRequire(import.meta.url)
  const {
    prototype,
  }: { prototype: { connect: Connect } } = require('kafkajs/src/network/connection')
  const { connect } = prototype
  prototype.connect = function () {
    const connecting = underWay.get(this) ?? connect.call(this).finally(() => underWay.delete(this))
    underWay.set(this, connecting)
    return connecting
  }
}
