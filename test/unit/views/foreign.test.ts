/** Containers that others have made, as rows of the tree, and how it hears of them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ForeignContainer } from "../../../src/api/foreign-container.ts";
import { Emitter, type Event } from "../../../src/base/event.ts";
import type { MirrorConnection } from "../../../src/client/mirror.ts";
import { foreignItem, ofNoProject } from "../../../src/views/foreign-items.ts";
import { ForeignWatch } from "../../../src/views/foreign-watch.ts";
import { foreignLogsOf } from "../../../src/views/printed.ts";
import { foreignContainer } from "./fixtures.ts";

const db = foreignContainer();

test("a row tells what it is, and offers nothing that changes it", () => {
  expect(foreignItem(db)).toMatchObject({
    ...{ id: `foreign:podman:${db.id}`, label: "db", description: "running · postgres:16 · Podman" },
    contextValue: "foreign.container+logs+adopt",
    ariaLabel: "Container db, not an instance, running, postgres:16, Podman",
  });
  expect(foreignItem({ ...db, state: "stopped" })).toMatchObject({
    description: "stopped · postgres:16 · Podman",
    icon: { id: "package" },
  });
});

test("what is of a compose project is left to that", () => {
  expect(ofNoProject([{ ...db, composeProject: "shop" }, db])).toEqual([db]);
});

test("what is another Berth's is said to be, and is not adopted", () => {
  expect(foreignItem({ ...db, otherBerth: true })).toMatchObject({
    description: "running · postgres:16 · Podman · of another Berth",
    contextValue: "foreign.container+logs",
  });
});

test("one terminal shows the logs of one container, whatever others are called", () => {
  const subject = (one: ForeignContainer) => foreignLogsOf(one, () => Promise.reject()).subject;
  expect(subject(db)).toBe(subject({ ...db, name: "renamed" }));
  expect(subject(db)).not.toBe(subject({ ...db, runtime: "docker" }));
});

/** An engine that tells what a test says. */
class Engine {
  readonly #connectionChanged = new Emitter<MirrorConnection>();
  readonly #begun = new Emitter<void>();
  readonly streams: { tell: (items: ForeignContainer[] | Error) => void; signal: AbortSignal }[] = [];
  readonly begun = this.#begun.event;
  readonly onDidChangeConnection = this.#connectionChanged.event;
  connection: Pick<MirrorConnection, "state"> = { state: "connected" };

  async client() {
    const watch = async (_input: unknown, { signal }: { signal: AbortSignal }) => this.#watch(signal);
    return { api: { foreignContainers: { watch } } } as never;
  }

  connect(state: "connected" | "connecting"): void {
    this.connection = { state };
    this.#connectionChanged.fire({ state });
  }

  #watch(signal: AbortSignal) {
    let said = Promise.withResolvers<ForeignContainer[]>();
    const tell = (items: ForeignContainer[] | Error) =>
      items instanceof Error ? said.reject(items) : said.resolve(items);
    signal.addEventListener("abort", () => said.reject(signal.reason));
    this.streams.push({ tell, signal });
    this.#begun.fire();
    return (async function* () {
      for (;;) {
        const items = await said.promise;
        said = Promise.withResolvers();
        yield { items };
      }
    })();
  }
}

const next = (event: Event<void>) => new Promise<void>((resolve) => void event(() => resolve()));

let engine: Engine;
let watched: ForeignWatch;
beforeEach(() => {
  engine = new Engine();
  watched = new ForeignWatch(engine);
});
afterEach(() => watched.dispose());

async function shown(): Promise<void> {
  const begun = next(engine.begun);
  watched.want(true);
  await begun;
}

async function told(items: ForeignContainer[] | Error): Promise<void> {
  const changed = next(watched.onDidChange);
  engine.streams.at(-1)?.tell(items);
  await changed;
}

test("they are asked for while they are shown, and only then", async () => {
  expect(engine.streams).toHaveLength(0);
  await shown();
  watched.want(true);
  expect(engine.streams).toHaveLength(1);
  await told([db]);
  expect(watched.containers).toEqual([db]);
  watched.want(false);
  expect(engine.streams[0]?.signal.aborted).toBe(true);
  expect(watched.containers).toEqual([db]);
});

test("without an engine nothing is asked, and the next one is asked anew", async () => {
  await shown();
  engine.connect("connecting");
  expect(engine.streams[0]?.signal.aborted).toBe(true);
  const begun = next(engine.begun);
  engine.connect("connected");
  await begun;
  expect(engine.streams).toHaveLength(2);
});

test("where they cannot be told, it is known why, and none are shown as if they were there", async () => {
  await shown();
  await told([db]);
  await told(new Error("no runtime"));
  expect(watched).toMatchObject({ containers: [], problem: "no runtime" });
});
