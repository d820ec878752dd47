/**
 * The hash slot of a name, as Redis Cluster computes it: CRC16 (XMODEM) of the hash tag, if there is one.
 */
const utf8 = new TextEncoder()

const tagOf = (name: string): string => {
  const open = name.indexOf("{")
  if (open < 0) return name
  const close = name.indexOf("}", open + 1)
  return close <= open + 1 ? name : name.slice(open + 1, close)
}

/** 0 to 16383. */
export const slotOf = (name: string): number => {
  let crc = 0
  for (const byte of utf8.encode(tagOf(name))) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1
  }
  return crc & 0x3fff
}
