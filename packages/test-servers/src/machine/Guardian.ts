import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { signalProcess } from "./ProcessTree.ts"
import type { User } from "./User.ts"

/*
 * No server that this process starts may outlive it, however it ends. Three layers:
 *  - it exits by itself: an exit hook kills the servers and removes their data;
 *  - it is killed: each server is started through `setpriv --pdeathsig KILL`, so the kernel kills it (see `guarded`);
 *  - it is killed, and for what the kernel does not do: a shell blocked on a pipe from this process reads end-of-file,
 *    kills those it was told to watch, and removes the data.
 *
 * The kernel goes by threads: a server that a worker thread started ends with that thread.
 */

const watchdogScript = `
watched=" "
while read -r word pid; do
  case "$word" in
    watch) watched="$watched$pid " ;;
    forget) case "$watched" in *" $pid "*) watched="\${watched%% $pid *} \${watched#* $pid }" ;; esac ;;
  esac
done
[ -z "\${watched# }" ] || kill -9 $watched 2>/dev/null
rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
`

const live = new Set<number>()
let directory: string | undefined
let watchdog: ChildProcess | undefined

const sweep = (): void => {
  for (const pid of live) signalProcess(pid, "SIGKILL")
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

const root = (): string => {
  if (directory !== undefined) return directory
  directory = mkdtempSync(join(tmpdir(), "cache-locking-servers-"))
  // A server that drops root (Postgres, Memcached) must be able to reach its own directory in here.
  chmodSync(directory, 0o711)
  process.once("exit", sweep)
  // Detached: Ctrl-C reaches the whole foreground group, and this one has to outlive it.
  watchdog = spawn("/bin/sh", ["-c", watchdogScript, "watchdog", directory], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  watchdog.on("error", () => {})
  watchdog.stdin?.on("error", () => {})
  watchdog.unref()
  ;(watchdog.stdin as unknown as { unref?: () => void }).unref?.()
  return directory
}

/** A fresh directory that is removed when this process ends, however it ends. */
export const scratchDirectory = (name: string): string => mkdtempSync(join(root(), `${name}-`))

export const removeDirectory = (path: string): void => {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}

const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path))

/** A command line whose process dies with this one, and drops root if a user is given. */
export const guarded = (command: string, args: ReadonlyArray<string>, user?: User): [string, Array<string>] => {
  if (setpriv === undefined) {
    if (user !== undefined) throw new Error("setpriv (util-linux) is needed to run a server as another user")
    return [command, [...args]]
  }
  // The kernel forgets a death signal when a process changes its user, so setpriv does both, in the right order.
  const drop = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"]
  return [setpriv, [...drop, "--pdeathsig=KILL", "--", command, ...args]]
}

/** Makes the process end with this one, also where the kernel would not kill it. */
export const watch = (pid: number): void => {
  root()
  live.add(pid)
  watchdog?.stdin?.write(`watch ${pid}\n`)
}

/** Once it has ended, its number may belong to another process. */
export const forget = (pid: number): void => {
  live.delete(pid)
  watchdog?.stdin?.write(`forget ${pid}\n`)
}

/** Ties a started child to this process's life. */
export const guard = (child: ChildProcess): void => {
  const { pid } = child
  if (pid === undefined) return
  watch(pid)
  child.once("exit", () => forget(pid))
}
