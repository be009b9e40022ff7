/**
 * To be imported before all else. The API's schemas are made by thousands of calls of a few functions, which V8 takes for
 * hot; its optimizing compilers alone are 6 MB of memory, of an engine that has nothing to do. They have their turn at ten
 * times their usual count of calls. No options of Node: a version that did not know them would not start.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--invocation-count-for-maglev=4000");
setFlagsFromString("--invocation-count-for-turbofan=30000");
