import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InstanceState } from "../../../../src/api/instance.ts";
import type { Decision } from "../../../../src/engine/instances/decision.ts";
import { ACTIONS, type Action, decide } from "../../../../src/engine/instances/transitions.ts";

const STATES = InstanceState.options;

/** `+` run, `.` ignore, `-` denied; columns: start stop force restart delete recover purge snapshot update-snapshot suspend. */
const AT_REST: Record<InstanceState, string> = {
  creating: "- . . - - . + - - -",
  stopped: "+ . . - + . - + + -",
  starting: "+ + + + + . - - + +",
  running: ". + + + + . - - + +",
  restarting: "+ + + + + . - - + +",
  stopping: "+ + + + + . - - + +",
  suspending: "- + + - + . - - + +",
  suspended: "+ . + - + . - - + .",
  deleted: "- - - - . + + - - -",
  failed: "- . . - - . + - - -",
  unknown: "- + + - + . - - + -",
};

/**
 * The same for a running instance (or one that starts) with something pending; `!` interrupts. Beside those that are
 * not here nothing may happen.
 */
const PENDING: Partial<Record<Action, string>> = {
  launch: ". - ! - - - - - - -",
  start: ". - ! - - - - - - -",
  stop: "- . ! - - - - - - -",
  "force-stop": "- . . - - - - - - -",
  restart: ". - ! . - - - - - -",
  export: "- - ! - - - - - - -",
  delete: "- - - - . - - - - -",
  recover: "- - - - - . - - - -",
  purge: "- - - - . - . - - -",
  snapshot: "- - - - - - - - - -",
  restore: "- - - - - - - - - -",
  "remove-snapshot": "- - - - - - - - - -",
  "update-snapshot": "- - - - - - - - - -",
  "add-port": "- - - - - - - - - -",
  "remove-port": "- - - - - - - - - -",
  "add-disk": "- - - - - - - - - -",
  "remove-disk": "- - - - - - - - - -",
  "purge-disk": "- - - - - - - - - -",
  suspend: "- - ! - - - - - - .",
};

/** The same while a backup reads the disks: what would change or need them ends it, or waits for its end. */
const READ: Partial<Record<InstanceState, string>> = {
  stopped: "! . . - ! . - - + -",
  running: ". ! ! ! ! . - - + !",
  suspended: "! . ! - ! . - - + .",
};

const COLUMNS: Action[] = [
  "start",
  "stop",
  "force-stop",
  "restart",
  "delete",
  "recover",
  "purge",
  "snapshot",
  "update-snapshot",
  "suspend",
];

const RUNS_WHILE_AWAITING: readonly Action[] = [
  ...(["start", "stop", "force-stop", "restart", "delete", "recover", "purge"] as const),
  ...(["add-port", "remove-port", "mount", "unmount", "configure", "change-medium", "rename"] as const),
];

function mark(decision: Decision): string {
  if (decision.do === "run") return decision.interrupt ? "!" : "+";
  return decision.do === "ignore" ? "." : "-";
}

describe("decide", () => {
  test.each(STATES)("%s, nothing pending", (state) => {
    expect(COLUMNS.map((action) => mark(decide(state, undefined, action))).join(" ")).toBe(AT_REST[state]);
  });

  test.each(ACTIONS)("%s pending", (pending) => {
    expect(COLUMNS.map((action) => mark(decide("starting", pending, action))).join(" ")).toBe(
      PENDING[pending] ?? COLUMNS.map(() => "-").join(" "),
    );
  });

  test.each(Object.entries(READ))("%s, while a backup reads its disks", (state, expected) => {
    const decided = COLUMNS.map((action) =>
      mark(decide(state as InstanceState, undefined, action, { isRead: true })),
    );
    expect(decided.join(" ")).toBe(expected);
  });

  test("a launch without a guest yet cannot be force stopped, only cancelled", () => {
    expect(decide("creating", "launch", "force-stop")).toMatchObject({ do: "denied", code: "busy" });
  });

  test("a policy can be changed while the guest runs, its hardware cannot", () => {
    expect(mark(decide("running", undefined, "configure"))).toBe("+");
    expect(mark(decide("suspended", undefined, "configure"))).toBe("+");
    expect(mark(decide("running", undefined, "update"))).toBe("-");
    expect(mark(decide("deleted", undefined, "configure"))).toBe("-");
  });

  test("what is moved is not started; it can be stopped, carried, marked, and be gone", () => {
    const moved = (action: Action) => mark(decide("stopped", undefined, action, { movedTo: "/there" }));
    const may = ACTIONS.filter((action) => moved(action) !== "-" && action !== "launch");
    expect(may.sort()).toEqual(
      ["backup", "delete", "export", "force-stop", "mark-move", "recover", "stop"].sort(),
    );
    expect(decide("stopped", undefined, "start", { movedTo: "/there" })).toMatchObject({
      ...{ code: "wrong-state", reason: "it is moved to /there" },
      hint: expect.stringContaining("--undo"),
    });
  });

  test("while data is awaited the disks are their guest's alone; it may be stopped, started and be gone", () => {
    const awaiting = "its data is still on the way";
    const mayOf = (state: InstanceState) =>
      ACTIONS.filter((action) => mark(decide(state, undefined, action, { awaiting })) !== "-");
    expect(mayOf("running")).toEqual(
      ACTIONS.filter((action) => RUNS_WHILE_AWAITING.includes(action) && action !== "purge"),
    );
    for (const action of ["snapshot", "clone", "backup", "export", "update", "mark-move"] as const)
      expect(decide("stopped", undefined, action, { awaiting })).toMatchObject({ reason: awaiting });
  });

  test("a launch over anything is denied", () => {
    for (const state of STATES) {
      for (const pending of [undefined, ...ACTIONS]) {
        expect(decide(state, pending, "launch")).toMatchObject({ do: "denied", code: "already-exists" });
      }
    }
  });

  test("properties over every state, pending and action", () => {
    const states = fc.constantFrom(...STATES);
    const pendings = fc.constantFrom(undefined, ...ACTIONS);
    const actions = fc.constantFrom(...ACTIONS);
    fc.assert(
      fc.property(states, pendings, actions, (state, pending, action) => {
        const decision = decide(state, pending, action);
        // Pure.
        expect(decide(state, pending, action)).toEqual(decision);
        if (decision.do === "denied") {
          expect(decision.reason).toMatch(/^[a-z]/);
          expect(["busy", "wrong-state", "already-exists"]).toContain(decision.code);
          expect(decision.hint).toMatch(/\.$/);
        }
        // Nothing runs beside what is pending, but what cuts it short.
        if (pending !== undefined && decision.do === "run") expect(decision.interrupt).toBe(true);
        // Only what is in the trash, or cannot be read, can be purged.
        if (action === "purge" && decision.do === "run") {
          expect(["deleted", "failed", "creating"]).toContain(state);
        }
        if (state === "deleted" && pending === undefined && decision.do === "run") {
          expect(["recover", "purge", "rename", "mark-move"]).toContain(action);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test.each(ACTIONS.filter((action) => action !== "launch"))("%s in a disabled zone", (action) => {
  const ends = ["stop", "force-stop", "delete", "recover", "purge"].includes(action);
  for (const state of ["stopped", "running", "suspended", "unknown"] as const) {
    const decision = decide(state, undefined, action, { disabledZone: "zone2" });
    if (ends) expect(decision).toEqual(decide(state, undefined, action));
    else {
      expect(decision).toEqual({
        ...{ do: "denied", code: "wrong-state", reason: "its zone, zone2, is disabled" },
        hint: "Enable it: berth enable-zones zone2",
      });
    }
  }
  expect(decide("deleted", undefined, action, { disabledZone: "zone2" })).toEqual(
    decide("deleted", undefined, action),
  );
});
