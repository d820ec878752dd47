/**
 * The first `acquire` of all keys of a batch. The requests of its flights in one turn of the event loop become one
 * `acquireMany`.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Acquired, AcquireOptions, Adapter, AdapterError } from "../contract/Adapter.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import { nameFlight } from "./Flight.ts"

/** The field without which core cannot go on with an answer, by its tag. */
const needed: { readonly [tag: string]: string } = {
  Hit: "value",
  Leader: "token",
  Follower: "leaseEndsIn",
  Cooling: "retryIn"
} satisfies { readonly [A in Acquired as A["_tag"]]: keyof A }

const isAcquired = (answer: { readonly [field: string]: any } | null | undefined): boolean =>
  answer?.[needed[answer["_tag"]] ?? ""] != null

/** True when there is one answer for each key, of a known form. A wrong order cannot be seen here. */
const isSound = (answers: ReadonlyArray<Acquired>, keys: number): boolean =>
  Array.isArray(answers) && answers.length === keys && answers.every(isAcquired)

/** The adapters whose `acquireMany` was found to be at fault. */
const faulty = new WeakSet<Adapter>()

/** Receives the answer to an `acquire`, and needs no fiber for it. */
export type OnAcquired = (answer: Exit.Exit<Acquired, AdapterError>) => void

interface Question {
  readonly key: string
  readonly options: AcquireOptions
  readonly answer: OnAcquired
}

/** Asks for each key of a batch once. A key that is asked for again is asked for by itself, under another owner. */
export class AcquireBatch {
  /** Owns the leases of all flights of the batch, each of which has another key. */
  readonly owner: string
  private readonly adapter: Adapter
  private readonly acquireMany: NonNullable<Adapter["acquireMany"]>
  private readonly keys: Set<string>
  private readonly context: Context.Context<never>
  private readonly scope: RequestScope
  private open: Array<Question> = []

  constructor(
    adapter: Adapter,
    acquireMany: NonNullable<Adapter["acquireMany"]>,
    keys: Iterable<string>,
    ownerId: string,
    scope: RequestScope,
    context: Context.Context<never>
  ) {
    this.adapter = adapter
    this.acquireMany = acquireMany
    this.keys = new Set(keys)
    this.owner = nameFlight(ownerId)
    this.scope = scope
    this.context = context
  }

  /** True the first time that a key is to be asked for. */
  take(key: string): boolean {
    return this.keys.delete(key)
  }

  /** Asks together with the other keys. */
  acquire(key: string, options: AcquireOptions, answer: OnAcquired): void {
    if (this.open.length === 0) queueMicrotask(() => this.ask())
    this.open.push({ key, options, answer })
  }

  private run<B>(asked: Effect.Effect<B, AdapterError>, answer: (exit: Exit.Exit<B, AdapterError>) => void): void {
    const fiber = Effect.runForkWith(this.context)(asked)
    this.scope.waitUntil(fiber)
    fiber.addObserver(answer)
  }

  private ask(): void {
    const questions = this.open
    this.open = []
    const { acquireMany, adapter } = this
    const single = ({ answer, key, options }: Question) =>
      this.run(
        Effect.suspend(() => adapter.acquire(key, options)),
        answer
      )
    const [first] = questions
    if (first === undefined || questions.length === 1 || faulty.has(adapter)) {
      questions.forEach(single)
      return
    }
    const keys = questions.map(({ key }) => key)
    const asked = Effect.suspend(() => acquireMany(keys, first.options))
    this.run(asked, (exit) => {
      const sound = Exit.isFailure(exit) || isSound(exit.value, keys.length)
      if (!sound) this.distrust()
      for (const [at, question] of questions.entries()) {
        // A refusal of one key is no answer for the others. A flight that was granted its key already is granted it
        // again.
        if (Exit.isFailure(exit) || !sound) single(question)
        else question.answer(Exit.succeed(exit.value[at]!))
      }
    })
  }

  /** Asks this adapter for one key at a time from now on. */
  private distrust(): void {
    const { adapter } = this
    faulty.add(adapter)
    const text = `cache-locking: acquireMany of ${adapter.name} gave too few answers, or malformed ones; from now on it is asked for one key at a time`
    Effect.runForkWith(this.context)(Effect.logError(text))
  }
}
