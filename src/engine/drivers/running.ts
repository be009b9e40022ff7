/** An instance that runs, as its driver gives it: how it is reached, what can be done to it, how it ends. */
import type { Duplex } from "node:stream";
import type { Health } from "../../api/container.ts";
import type { Problem, SshAddress } from "../../api/instance.ts";
import type { Metrics } from "../../api/metrics.ts";
import type { NetworkMode } from "../../api/network-mode.ts";
import type { PortForward } from "../../api/port.ts";
import type { TerminalSize } from "../../api/streams.ts";
import type { Event } from "../../base/event.ts";
import type { Ctx } from "../ctx.ts";
import type { GuestAccess, GuestProcess } from "../guest/guest.ts";
import type { NativeOffer } from "../guest/mounting.ts";
import type { DriverDisk } from "./driver.ts";
import type { OpenPoint } from "./points.ts";

/** How a main process is joined. */
export type AttachRequest = {
  /** What its terminal becomes, where it has one. */
  size?: TerminalSize | undefined;
  /** Whether anything is sent to it; it is when left out, where its input is open. */
  stdin?: boolean | undefined;
  /** What its runtime takes for a wish to leave, where it has a terminal: `ctrl-p,ctrl-q`. */
  detachKeys?: string | undefined;
};

export type Exit = { how: "guest-shutdown" } | { how: "stopped" } | { how: "crashed"; detail: string };

/** Forwards from this host to a running guest. They last as long as its run, whichever engine opened them. */
export interface PortSupport {
  /**
   * No effect where it is open already; rejects with `already-exists` where the host's port cannot be listened on, with
   * `wrong-state` where only the next start can open it, and then does, if it is among the instance's ports.
   */
  open(ctx: Ctx, port: PortForward): Promise<void>;
  /** No effect where it is not open. */
  close(ctx: Ctx, port: PortForward): Promise<void>;
}

/** What can be done to the extra disks of a guest while it runs. Every call may be repeated. */
export interface HotDisks {
  attach(ctx: Ctx, disk: DriverDisk): Promise<void>;
  /** Resolves when the guest has let go of it; rejects with `timed-out`, and it stays, where the guest does not. */
  detach(ctx: Ctx, disk: DriverDisk): Promise<void>;
  resize(ctx: Ctx, disk: DriverDisk, sizeBytes: number): Promise<void>;
}

/** A disk that lies elsewhere and is served by NBD (`nbd-server.ts`), for one run of a guest. */
export type LentDisk = {
  /** Its serial number in the guest. */
  name: string;
  slot: number;
  sizeBytes: number;
  /** Where it is served, as long as the guest runs. */
  socket: string;
  /** Nothing is written down, not even for the guest: what is on it is encrypted where it comes from. */
  isSealed: boolean;
};

/** A running instance. Valid until `exited` resolves. */
export interface Running {
  /** Resolves once, never rejects. */
  readonly exited: Promise<Exit>;
  readonly guest: GuestAccess;
  readonly ssh: SshAddress | undefined;
  readonly accelerator: string | undefined;
  readonly startedAt: Date;
  /** What is not as it should be with this run, such as a fall-back to emulation. */
  readonly problems: readonly Problem[];
  /**
   * Resolves when it has ended. `graceful` asks the guest and forces after `GRACEFUL_STOP_MS`; `force` pulls the plug.
   */
  stop(ctx: Ctx, how: "graceful" | "force"): Promise<void>;
  /**
   * Keeps the guest's memory in the instance's directory and ends it; resolves when nothing of it runs. The next start
   * goes on where it was. When it rejects, the guest runs on. Absent where memory cannot be kept. May be repeated.
   */
  readonly suspend?: ((ctx: Ctx) => Promise<void>) | undefined;
  /** Why that is absent, in words that follow a colon; undefined where there is no more to say. */
  readonly whyNoSuspend?: string | undefined;
  /** Lets a guest go on that an engine has left halted when it died; no effect on one that runs. */
  wake?(): Promise<void>;
  /** Absent where ports of the guest cannot be forwarded to this host. */
  readonly ports?: PortSupport;
  /** A connection to a port of its that is forwarded, where only the engine leads there; absent where `ports` does. */
  readonly reach?: ((ctx: Pick<Ctx, "signal">, port: PortForward) => Promise<Duplex>) | undefined;
  /**
   * Path of a Unix socket on which the guest's LAN NIC speaks with one peer at a time: each frame after its length in
   * four bytes. Absent where the guest has no such NIC.
   */
  readonly lan?: string | undefined;
  /** What the guest reaches in this run, where that may be another than its instance asks for. */
  readonly network?: NetworkMode | undefined;
  /** A guest with a way out is kept from this host's loopback; known where the driver is of machines. */
  readonly keepsLoopback?: boolean | undefined;
  /** False where only the next start can change that. Absent where it always is so. */
  readonly changeNetwork?: ((ctx: Ctx, mode: NetworkMode) => Promise<boolean>) | undefined;
  /**
   * Connects to the guest's serial port: what it prints from now on is read, what is written is typed there. One at a
   * time, which must read whatever comes: a guest waits for a port that does not take its output. Absent where this run
   * has no such port; what it has printed is in `serial.log` all the same.
   */
  readonly console?: ((ctx: Pick<Ctx, "signal">) => Promise<Duplex>) | undefined;
  /** The Unix socket on which its screen speaks VNC; absent where it has none. */
  readonly screen?: string | undefined;
  /** A connection to its screen, which speaks RFB (VNC) on it. The caller owns it. Absent where nobody could connect. */
  readonly openDisplay?: ((ctx: Pick<Ctx, "signal">) => Promise<Duplex>) | undefined;
  /** Puts the ISO at this path into its drive, or empties that. Absent where it has none. */
  readonly changeMedium?: ((ctx: Ctx, file: string | undefined) => Promise<void>) | undefined;
  /** Absent where the guest's hardware is fixed while it runs. */
  readonly disks?: HotDisks | undefined;
  /**
   * Plugs it in. What the guest writes to it is lost with the instance, and changes nothing of what is served. Absent where
   * the guest's hardware is fixed while it runs.
   */
  readonly lend?: ((ctx: Ctx, disk: LentDisk) => Promise<void>) | undefined;
  /**
   * Brings in what a disk lacks that was awaited at the start, the guest's own reads first; resolves when the disk needs nothing
   * else any more, whatever happens to the host. No effect on one that is whole. May be repeated, also by another engine.
   */
  readonly fill?: ((ctx: Ctx, disk: string) => Promise<void>) | undefined;
  /** Absent where its disks cannot be read while it runs. */
  readonly openPoint?: OpenPoint | undefined;
  /** IPv4 of this run, where it is not the instance's own: a container's in the network of its runtime. */
  readonly address?: string | undefined;
  /** Halts it in memory, and lets it go on. Every call may be repeated. Absent where that cannot be. */
  readonly pause?: ((ctx: Ctx) => Promise<void>) | undefined;
  readonly unpause?: ((ctx: Ctx) => Promise<void>) | undefined;
  /** It is halted now, whoever did that. */
  readonly paused?: boolean | undefined;
  /** Looks at what is shown of it, where somebody else than this run has changed that. Absent where nobody does. */
  readonly refresh?: ((ctx: Pick<Ctx, "signal">) => Promise<void>) | undefined;
  /** What its check says of it now; absent where nothing checks it. */
  readonly health?: Health | undefined;
  /** Fires when what it says of itself here is another than before. Absent where that never is. */
  readonly onDidChange?: Event<void> | undefined;
  /**
   * Joins its main process: what that prints from now on, and what it reads. To close what this resolves with leaves it,
   * and does nothing to it; it ends without a code where its runtime lets go of it. Absent where there is no such process.
   */
  readonly attach?: ((ctx: Pick<Ctx, "signal">, request: AttachRequest) => Promise<GuestProcess>) | undefined;
  /** What it uses, told again and again until the signal or its run ends; absent where only the guest knows. */
  readonly stats?: ((ctx: Pick<Ctx, "signal">) => AsyncIterable<Metrics>) | undefined;
  /** What it offers of this host's directories since it started, by the target of the mount. */
  readonly nativeMounts?: ReadonlyMap<string, NativeOffer>;
  /** Lets go without stopping: closes connections, keeps the guest running for the next engine to adopt. */
  release(): void;
}

/** How long a guest may take to shut down when asked, before its plug is pulled. */
export const GRACEFUL_STOP_MS = 120_000;
