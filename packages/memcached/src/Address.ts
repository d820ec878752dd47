/**
 * The servers of a URL: `memcached://user:password@host:port,host:port`.
 */
import { Check, type InvalidOption } from "@cache-locking/core"

export interface Address {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
}

const defaultPort = 11_211

const scheme = "memcached://"

/** Never shows the URL: it may hold a password. */
const refusal = (): InvalidOption =>
  Check.invalid("url", undefined, `${scheme}[user:password@]host[:port], more servers after commas`)

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    throw refusal()
  }
}

const addressOf = (text: string): Address => {
  if (!URL.canParse(scheme + text)) throw refusal()
  const { hash, hostname, password, pathname, port, search, username } = new URL(scheme + text)
  const host = decoded(hostname.replace(/^\[|\]$/g, ""))
  if (host === "" || !(pathname === "" || pathname === "/") || search !== "" || hash !== "") throw refusal()
  return {
    host,
    port: port === "" ? defaultPort : Number(port),
    user: username === "" ? undefined : decoded(username),
    password: password === "" ? undefined : decoded(password)
  }
}

/** @throws InvalidOption */
export const parse = (url: string): ReadonlyArray<Address> => {
  if (!url.startsWith(scheme)) throw refusal()
  return url.slice(scheme.length).split(",").map(addressOf)
}
