/**
 * What `dist/cli.js` and `dist/engine.js` are: the program itself lies beside them, so that its compiled code can be kept
 * from one run to the next. Most of a short command's time is reading code, and what switches the keeping on cannot
 * have been kept itself. Not Node's own place for it: that is in a directory where others may write.
 */
import module from "node:module";
import path from "node:path";
import { currentPaths } from "./paths.ts";

/** The program's file, put in by the build. */
declare const PROGRAM: string;

try {
  module.enableCompileCache?.(path.join(currentPaths().cache, "code"));
} catch {
  // No home, say: the program itself will tell of it, in words.
}
require(PROGRAM);
