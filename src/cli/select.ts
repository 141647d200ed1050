import { TradelogError } from '../domain/errors.ts'
import type { Projection } from '../projections/projection.ts'
import { readModels } from '../projections/read-models/index.ts'
import type { Flags } from './command.ts'

export const modelOption = { model: { type: 'string', multiple: true } } as const

/** The read models that `--model` names; all of them without it. */
export function selectedModels({ model }: Flags): readonly Projection[] {
  if (model === undefined) return readModels
  return [...new Set([model].flat())].map((name) => {
    const found = readModels.find((projection) => projection.name === name)
    if (found !== undefined) return found
    const known = readModels.map((projection) => projection.name).join(', ')
    throw new TradelogError('CONFIG_INVALID', `no read model is called ${name}; there are ${known}`)
  })
}
