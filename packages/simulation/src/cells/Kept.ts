/** Stories that reach the cells of the tables which fresh histories seldom reach, by cell. */
export const keptCells: URL = new URL("../../stories/cells.json", import.meta.url)
