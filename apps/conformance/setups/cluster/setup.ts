import { setup } from "../../src/ClusterSetup.ts"

export { setup }
