/**
 * Leases that this process holds, with the version of their records as it wrote them. A fill can overwrite that version
 * without reading it again, and so can a renewal and an abandon where nothing stands beside the lease. That saves a
 * round trip on every miss.
 *
 * The version may be outdated. Only a write that names it shows that, so the version only decides if such a write is
 * tried.
 */
import type { Entry, Token } from "@cache-locking/core"
import type { Version } from "./Records.ts"

/** A lease that was written. */
export interface Grant {
  readonly name: string
  readonly lease: Entry.Lease
  /** True when nothing stands beside it: no value that a write would have to keep. */
  readonly alone: boolean
  readonly version: Version
}

/** More leases than one process holds at once. */
const most = 4096

export class Grants {
  private readonly byToken = new Map<Token, Grant>()

  note(grant: Grant): void {
    const { token } = grant.lease
    this.byToken.delete(token)
    this.byToken.set(token, grant)
    if (this.byToken.size <= most) return
    for (const oldest of this.byToken.keys()) {
      this.byToken.delete(oldest)
      return
    }
  }

  /** Takes a grant, which can be used once. */
  take(token: Token, name: string): Grant | undefined {
    const grant = this.byToken.get(token)
    if (grant === undefined || grant.name !== name) return undefined
    this.byToken.delete(token)
    return grant
  }
}
