import { groups } from "./support/Groups.ts"
import { judge } from "./support/Judge.ts"

await judge(groups.cluster)
