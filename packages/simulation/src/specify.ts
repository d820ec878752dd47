/** Writes the tables of `docs/specification.md`: `node src/specify.ts`. */
import { write } from "./cells/Specification.ts"

write()
