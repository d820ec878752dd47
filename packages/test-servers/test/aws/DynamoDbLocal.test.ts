import { describe, expect, it } from "vitest"
import { DynamoDbLocal } from "../../src/aws/DynamoDbLocal.ts"
import { orSkip } from "../fixtures/Support.ts"

const authorization =
  "AWS4-HMAC-SHA256 Credential=local/20200101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0"

const call = async (url: string, operation: string, input: object) => {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `DynamoDB_20120810.${operation}`,
      authorization
    },
    body: JSON.stringify(input)
  })
  return { status: response.status, body: (await response.json()) as Record<string, any> }
}

const table = {
  TableName: "things",
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  BillingMode: "PAY_PER_REQUEST"
}

describe("DynamoDbLocal", () => {
  it("starts, keeps, forgets at a restart, and ends", async (context) => {
    await using server = await orSkip(context, DynamoDbLocal.start({ own: true }))
    expect(await call(server.url, "CreateTable", table)).toMatchObject({ status: 200 })
    const put = {
      TableName: "things",
      Item: { id: { S: "a" }, owner: { S: "first" } },
      ConditionExpression: "attribute_not_exists(id)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD"
    }
    expect(await call(server.url, "PutItem", put)).toMatchObject({ status: 200 })
    expect(await call(server.url, "PutItem", put)).toMatchObject({
      status: 400,
      body: { __type: expect.stringContaining("ConditionalCheckFailed"), Item: { owner: { S: "first" } } }
    })
    await server.restart()
    expect((await call(server.url, "ListTables", {})).body).toEqual({ TableNames: [] })
    await server.kill()
    await expect(fetch(server.url)).rejects.toThrow()
  })
})
