/**
 * One asking of the store for the keys of a batch: what its flights ask in one turn of the event loop is one `acquireMany`.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Acquired, AcquireOptions, Adapter, AdapterError } from "../contract/Adapter.ts"
import type { RequestScope } from "../options/RequestScope.ts"

/** What came of a question. Whoever takes it needs no fiber for it. */
export type OnAnswer = (answer: Exit.Exit<Acquired, AdapterError>) => void

interface Question {
  readonly key: string
  readonly options: AcquireOptions
  readonly answer: OnAnswer
}

/** The first askings of one batch. A key that is asked for again is asked for by itself, under a name of its own. */
export class AcquireBatch {
  /** Names the flights of the batch, each of which has another key. */
  readonly owner: string
  private readonly adapter: Adapter
  private readonly acquireMany: NonNullable<Adapter["acquireMany"]>
  private readonly keys: Set<string>
  private readonly context: Context.Context<never>
  private readonly life: RequestScope
  private open: Array<Question> = []

  constructor(
    adapter: Adapter,
    acquireMany: NonNullable<Adapter["acquireMany"]>,
    keys: Iterable<string>,
    owner: string,
    context: Context.Context<never>,
    life: RequestScope
  ) {
    this.life = life
    this.adapter = adapter
    this.acquireMany = acquireMany
    this.keys = new Set(keys)
    this.owner = owner
    this.context = context
  }

  /** Whether a key is still to be asked for; true once. */
  take(key: string): boolean {
    return this.keys.delete(key)
  }

  /** Asks with the others. */
  acquire(key: string, options: AcquireOptions, answer: OnAnswer): void {
    if (this.open.length === 0) queueMicrotask(() => this.ask())
    this.open.push({ key, options, answer })
  }

  private run<B>(asked: Effect.Effect<B, AdapterError>, answer: (exit: Exit.Exit<B, AdapterError>) => void): void {
    const fiber = Effect.runForkWith(this.context)(asked)
    this.life.waitUntil(fiber)
    fiber.addObserver(answer)
  }

  private ask(): void {
    const questions = this.open
    this.open = []
    const single = ({ answer, key, options }: Question) =>
      this.run(
        Effect.suspend(() => this.adapter.acquire(key, options)),
        answer
      )
    const [first] = questions
    if (first === undefined || questions.length === 1) {
      questions.forEach(single)
      return
    }
    const asked = Effect.suspend(() =>
      this.acquireMany(
        questions.map(({ key }) => key),
        first.options
      )
    )
    this.run(asked, (exit) => {
      for (const [at, question] of questions.entries()) {
        // What one key is refused for is no answer to the others.
        if (Exit.isFailure(exit)) single(question)
        else question.answer(Exit.succeed(exit.value[at]!))
      }
    })
  }
}
