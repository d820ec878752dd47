import { AdapterError, type Operation } from "./Adapter.ts"

/** The failure of what an adapter is made of, told as of the verb and the key that it was asked for. */
export const retold = (operation: Operation, key: string | undefined, error: AdapterError): AdapterError => {
  if (error.operation === operation && error.key === key) return error
  const { adapter, cause, message, reason } = error
  return new AdapterError({ adapter, operation, key, reason, message, cause })
}
