import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb"
import { verdictOf } from "@cache-locking/conformance-kit/testing"
import { describe, expect, it } from "vitest"
import * as Failure from "../src/Failure.ts"

const thrown = (name: string, status: number | undefined, more: object = {}) =>
  Object.assign(new Error("words"), { name, $metadata: { httpStatusCode: status }, ...more })

describe("Failure", () => {
  it.each([
    ["InternalServerError", 500, "passes"],
    ["ServiceUnavailable", 503, "passes"],
    ["ExpiredTokenException", 400, "passes"],
    ["ExpiredToken", 403, "passes"],
    ["RequestExpired", 400, "passes"],
    ["TimeoutError", undefined, "passes"],
    ["AbortError", undefined, "passes"],
    ["Error", undefined, "passes"],
    ["SyntaxError", 200, "passes"],
    ["ProvisionedThroughputExceededException", 400, "throttled"],
    ["ThrottlingException", 400, "throttled"],
    ["RequestLimitExceeded", 400, "throttled"],
    ["LimitExceededException", 400, "throttled"],
    ["TransactionConflictException", 400, "throttled"],
    ["TransactionInProgressException", 400, "throttled"],
    ["ReplicatedWriteConflictException", 400, "throttled"],
    ["ResourceInUseException", 400, "throttled"],
    ["Unknown", 429, "throttled"],
    ["ValidationException", 400, "final"],
    ["ResourceNotFoundException", 400, "final"],
    ["AccessDeniedException", 400, "final"],
    ["UnrecognizedClientException", 400, "final"],
    ["ItemCollectionSizeLimitExceededException", 400, "final"],
    ["InvalidSignatureException", 403, "final"],
    ["CredentialsProviderError", undefined, "final"]
  ] as const)("%s (%s): %s", (name, status, verdict) => {
    expect(verdictOf(Failure.failuresOf("t").of("put", "k", thrown(name, status)))).toBe(verdict)
  })

  it("of a client without a region is permanent: by the SDK's own words", async () => {
    const credentials = { accessKeyId: "a", secretAccessKey: "hidden" }
    for (const config of [
      { endpoint: "not a url", region: "local" },
      { region: "eu west/1" },
      { region: async () => Promise.reject(new Error("Region is missing")) }
    ]) {
      const client = new DynamoDBClient({ credentials, ...config })
      const thrown = await client.send(new ListTablesCommand({})).catch((error) => error)
      expect(Failure.failuresOf("t").of("read", "k", thrown)).toMatchObject({ reason: "Rejected", retryable: false })
    }
  })

  it("passes on the name, the code and the words, and nothing else", () => {
    const error = thrown("Error", undefined, { code: "ECONNRESET", Item: { v: "secret" }, $response: "secret" })
    const failure = Failure.failuresOf("t").of("fill", "k", error)
    expect(failure).toMatchObject({ adapter: "dynamodb", operation: "fill", key: "k", message: "words" })
    expect(failure.cause).toMatchObject({ name: "Error", code: "ECONNRESET", message: "words" })
    expect(Object.keys(failure.cause as object).sort()).toEqual(["code"])
  })

  it("has a message for an error without one", () => {
    const wordsOf = (error: unknown) => Failure.failuresOf("t").of("fill", "k", error).message
    expect(wordsOf(Object.assign(new Error(""), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED")
    expect(wordsOf(new Error(""))).toBe("the request failed")
    expect(wordsOf(undefined)).toBe("the request failed")
    expect(wordsOf(thrown("ResourceNotFoundException", 400))).toContain("there is no table t")
  })

  it("recognises a failed condition, with and without an item", () => {
    const Item = { rev: { S: "1" } }
    expect(Failure.unmet(thrown("ConditionalCheckFailedException", 400, { Item }))).toEqual({ item: Item })
    expect(Failure.unmet(thrown("ConditionalCheckFailedException", 400))).toEqual({ item: undefined })
    expect(Failure.unmet(thrown("ValidationException", 400))).toBe(false)
  })
})
