/**
 * The abilities of a terminal: its width, colours where they are wanted (NO_COLOR, FORCE_COLOR and pipes are
 * respected), and blocks where there is Unicode.
 */
import { styleText } from "node:util"
import isUnicodeSupported from "is-unicode-supported"

type Style = Parameters<typeof styleText>[0]

const blocks = {
  load: "█",
  wait: "░",
  done: "●",
  failed: "●",
  killed: "✖",
  lease: "╌",
  leaseEnd: "┤",
  bar: "▸",
  ok: "✓",
  wrong: "✗"
}

const ascii: typeof blocks = {
  load: "#",
  wait: ".",
  done: "o",
  failed: "e",
  killed: "X",
  lease: "-",
  leaseEnd: "|",
  bar: ">",
  ok: "ok",
  wrong: "NO"
}

const widest = 120
const narrowest = 38

export class TerminalFormat {
  readonly symbols: typeof blocks
  private readonly stream: NodeJS.WriteStream

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream
    this.symbols = isUnicodeSupported() ? blocks : ascii
  }

  /** In columns. A pipe is as wide as most terminals. */
  get width(): number {
    return Math.max(narrowest, Math.min(widest, this.stream.columns ?? 80))
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true
  }

  style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.stream })
  }

  bold(text: string): string {
    return this.style("bold", text)
  }

  dim(text: string): string {
    return this.style("dim", text)
  }

  /** Breaks plain text into lines that fit beside an indentation of this many columns. */
  wrap(text: string, indent = 0): ReadonlyArray<string> {
    const lines: Array<string> = []
    let line = ""
    for (const word of text.split(" ")) {
      if (line !== "" && indent + line.length + 1 + word.length > this.width) {
        lines.push(line)
        line = word
      } else {
        line = line === "" ? word : `${line} ${word}`
      }
    }
    return [...lines, line]
  }
}
