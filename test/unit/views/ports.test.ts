/** What the view Ports shows, and when it asks for what listens in guests. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Instance } from "../../../src/api/instance.ts";
import type { PortForward, PortListener } from "../../../src/api/port.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { Emitter } from "../../../src/base/event.ts";
import type { MirrorConnection } from "../../../src/client/mirror.ts";
import { GuestListeners, type News } from "../../../src/views/guest-listeners.ts";
import {
  addressOf,
  countsText,
  forwardItem,
  hasPorts,
  instancePortsItem,
  keyOf,
  listenerItem,
  noteText,
  portNodes,
  typedHost,
  unforwarded,
  urlOf,
} from "../../../src/views/ports-items.ts";
import { instance, listener } from "./fixtures.ts";

const forward = (patch: Partial<PortForward> = {}): PortForward => ({
  ...{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 },
  ...patch,
});
const nginx = listener({ port: 80, process: "nginx" });

test.each<[string, Partial<Instance>, PortForward, readonly PortListener[] | undefined, object]>([
  [
    "open",
    {},
    forward(),
    [nginx],
    {
      label: "127.0.0.1:8080 → 80",
      description: "nginx · open",
      icon: { id: "plug", color: "charts.green" },
    },
  ],
  ["open, its guest not yet asked", {}, forward(), undefined, { description: "open" }],
  ["nobody there", {}, forward(), [], { description: "open, nothing listens in the guest" }],
  [
    "stopped",
    { state: "stopped" },
    forward(),
    undefined,
    {
      description: "opens when primary runs",
      icon: { id: "plug" },
      contextValue: "forward+copyPort+visibility+stopPort",
    },
  ],
  [
    "failed",
    {
      problems: [
        {
          code: "port-unusable:8080/tcp",
          severity: "warning",
          message: "it is \u001b[31mtaken",
          hint: "Free it.",
        },
      ],
    },
    forward(),
    [nginx],
    {
      description: "nginx · failed: it is taken",
      icon: { id: "warning", color: "list.warningForeground" },
      tooltip: "127.0.0.1:8080 → 80\nnginx · failed: it is taken\nFree it.",
      contextValue: "forward+copyPort+visibility+stopPort",
    },
  ],
  [
    "another forward has failed",
    { problems: [{ code: "port-unusable:8081/tcp", severity: "warning", message: "it is taken" }] },
    forward(),
    [nginx],
    { description: "nginx · open", contextValue: "forward+openPort+copyPort+visibility+stopPort" },
  ],
  [
    "wide, through SSH",
    {},
    forward({ hostAddress: "0.0.0.0", via: "ssh" }),
    [nginx],
    {
      description: "nginx · open · through SSH · all addresses",
      icon: { id: "globe", color: "charts.green" },
      ariaLabel: "0.0.0.0:8080 to port 80 of primary, nginx, open, through SSH, all addresses",
    },
  ],
  [
    "one address of this host, UDP",
    {},
    forward({ hostAddress: "192.0.2.7", protocol: "udp" }),
    [nginx],
    {
      label: "192.0.2.7:8080 → 80/udp",
      description: "open, nothing listens in the guest · other computers can connect",
      contextValue: "forward+copyPort+visibility+stopPort",
    },
  ],
])("a forward: %s", (_name, patch, port, listeners, expected) => {
  const heard = listeners === undefined ? {} : { listeners };
  expect(forwardItem(instance(patch), port, heard)).toMatchObject(expected);
});

test.each([
  [listener(), "8080", "python3 · not forwarded", "listener+forward+forwardTo+openPort"],
  [
    listener({ via: "ssh", address: "::1" }),
    "8080",
    "python3 · not forwarded · on the guest's loopback alone, through SSH",
    "listener+forward+forwardTo+openPort",
  ],
  [
    { protocol: "udp", port: 53, address: "0.0.0.0", via: "network" } as const,
    "53/udp",
    "not forwarded",
    "listener+forward+forwardTo",
  ],
])("a listener %#", (one, label, description, contextValue) => {
  expect(listenerItem(instance(), one)).toMatchObject({
    ...{ label, description, contextValue, mark: "unforwarded" },
  });
});

test("an instance has its forwards, then what is not forwarded, or says why nothing is known", () => {
  const web = instance({ ports: [forward()] });
  const heard = { listeners: [nginx, listener(), listener({ protocol: "udp", port: 80 })] };
  expect(portNodes(web, heard).map(keyOf)).toEqual([
    `forward:${web.id}:8080/tcp`,
    `listener:${web.id}:8080/tcp/network`,
    `listener:${web.id}:80/udp/network`,
  ]);
  expect(instancePortsItem(web, heard)).toMatchObject({ description: "1 forwarded · 2 detected" });
  expect(instancePortsItem(instance({ ...web, state: "suspended" }), {}).description).toBe(
    "suspended · 1 forwarded",
  );
  expect(noteText(web, { problem: "it does not\u0007 answer" })).toBe("It does not answer");
  expect(noteText(web, {})).toMatch(/^Looking/);
  expect(noteText(web, { listeners: [] })).toBeUndefined();
  expect(noteText(instance(), { listeners: [] })).toMatch(/^Nothing listens/);
  expect(noteText(instance({ guest: "windows" }), {})).toMatch(/no login in this guest/);
  expect(noteText(instance({ state: "stopped" }), {})).toBeUndefined();
});

test("which instances are listed, and what is counted", () => {
  expect(hasPorts(instance())).toBe(true);
  expect(hasPorts(instance({ state: "stopped" }))).toBe(false);
  expect(hasPorts(instance({ state: "stopped", ports: [forward()] }))).toBe(true);
  expect(hasPorts(instance({ state: "deleted", ports: [forward()] }))).toBe(false);
  expect([countsText(0, 0), countsText(2, 0), countsText(1, 3)]).toEqual([
    "",
    "2 forwarded",
    "1 forwarded · 3 detected",
  ]);
});

test("addresses for browsers", () => {
  expect(urlOf(forward())).toBe("http://127.0.0.1:8080/");
  expect(urlOf(forward({ guestPort: 443, hostPort: 40_000, hostAddress: "0.0.0.0" }))).toBe(
    "https://127.0.0.1:40000/",
  );
  expect(urlOf(forward({ hostPort: 8443 }))).toBe("https://127.0.0.1:8443/");
  expect(addressOf(forward({ hostAddress: "127.77.1.9" }))).toBe("127.77.1.9:8080");
});

test.each([
  ["8080", { hostAddress: "127.0.0.1", hostPort: 8080 }],
  [" 0.0.0.0:80 ", { hostAddress: "0.0.0.0", hostPort: 80 }],
  ["0", undefined],
  ["65536", undefined],
  ["256.0.0.1:80", undefined],
  ["8080:80", undefined],
  ["", undefined],
])("where to forward: %j", (text, expected) => expect(typedHost(text)).toEqual(expected));

test("whatever listens is shown once: forwarded or not", () => {
  const port = fc.integer({ min: 1, max: 9 });
  const protocol = fc.constantFrom("tcp" as const, "udp" as const);
  fc.assert(
    fc.property(fc.array(fc.tuple(port, protocol)), fc.array(fc.tuple(port, protocol)), (ours, theirs) => {
      const ports = ours.map(([guestPort, one], at) =>
        forward({ guestPort, protocol: one, hostPort: at + 1 }),
      );
      const heard = theirs.map(([number, one]) => listener({ port: number, protocol: one }));
      const rest = unforwarded(instance({ ports }), heard);
      for (const one of heard) {
        const led = ports.some(
          ({ guestPort, protocol }) => guestPort === one.port && protocol === one.protocol,
        );
        expect(rest.includes(one)).toBe(!led);
      }
    }),
  );
});

/** An engine whose guests tell what a test says, and a model of instances. */
function world(...instances: Instance[]) {
  const changed = new Emitter<readonly string[]>();
  const connectionChanged = new Emitter<MirrorConnection>();
  const streams: { name: string; tell: (items: PortListener[] | Error) => void; signal: AbortSignal }[] = [];
  const state = { instances, connection: "connected" as MirrorConnection["state"] };
  const watchListeners = async ({ name }: { name: string }, { signal }: { signal: AbortSignal }) => {
    const waiting: (PortListener[] | Error)[] = [];
    let wake = () => {};
    const tell = (items: PortListener[] | Error) => {
      waiting.push(items);
      wake();
    };
    streams.push({ name, signal, tell });
    signal.addEventListener("abort", () => wake());
    return (async function* () {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next instanceof Error) throw next;
        if (next) yield { items: next };
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    })();
  };
  const source = {
    get connection() {
      return { state: state.connection };
    },
    onDidChangeConnection: connectionChanged.event,
    client: async () => ({ api: { ports: { watchListeners } } }) as never,
  };
  const model = {
    all: () => state.instances,
    get: (id: string) => state.instances.find((one) => one.id === id),
    onDidChange: changed.event,
  };
  const listeners = new GuestListeners(source, model);
  return {
    listeners,
    streams,
    state,
    tellModel: () => changed.fire([]),
    tellConnection: () => connectionChanged.fire({ state: "idle" }),
  };
}

test("guests are watched only while somebody wants to know, and only those that can tell", async () => {
  const [web, win, off] = [
    instance({ name: "web" }),
    instance({ guest: "windows" }),
    instance({ state: "stopped" }),
  ];
  const { listeners, streams, state, tellModel, tellConnection } = world(web, win, off);
  expect(streams).toHaveLength(0);
  listeners.want("view", true);
  await expect.poll(() => streams.map(({ name }) => name)).toEqual(["web"]);
  streams[0]?.tell([nginx]);
  await expect.poll(() => listeners.of(web.id)).toMatchObject({ listeners: [nginx] });
  listeners.want("news", true);
  listeners.want("view", false);
  expect(streams[0]?.signal.aborted).toBe(false);
  listeners.want("news", false);
  expect(streams[0]?.signal.aborted).toBe(true);
  expect(listeners.of(web.id)).toEqual({});
  listeners.want("view", true);
  await expect.poll(() => streams).toHaveLength(2);
  state.connection = "unavailable";
  tellConnection();
  expect(streams[1]?.signal.aborted).toBe(true);
  state.connection = "connected";
  tellConnection();
  await expect.poll(() => streams).toHaveLength(3);
  state.instances = [{ ...web, state: "stopped" }];
  tellModel();
  expect(streams[2]?.signal.aborted).toBe(true);
  listeners.dispose();
});

test("what comes after the first list is news, and a guest that cannot be asked says why", async () => {
  const web = instance({ name: "web", ready: false });
  const { listeners, streams, state, tellModel } = world(web);
  const news: News[] = [];
  listeners.onDidAppear((one) => news.push(one));
  listeners.want("view", true);
  await expect.poll(() => streams).toHaveLength(1);
  streams[0]?.tell([nginx]);
  streams[0]?.tell([nginx, listener()]);
  streams[0]?.tell([nginx]);
  streams[0]?.tell([nginx, listener({ process: "other" })]);
  await expect
    .poll(() => news.map((one) => one.listeners))
    .toEqual([[listener()], [listener({ process: "other" })]]);
  streams[0]?.tell(new EngineError("guest-unreachable", "cannot reach web"));
  await expect.poll(() => listeners.of(web.id)).toMatchObject({ problem: "cannot reach web" });
  expect(listeners.of(web.id).listeners).toBeUndefined();
  state.instances = [{ ...web, ready: true }];
  tellModel();
  await expect.poll(() => streams).toHaveLength(2);
  expect(listeners.of(web.id).problem).toBeUndefined();
  listeners.dispose();
  expect(streams[1]?.signal.aborted).toBe(true);
});
