/** Points in time of the disks of QEMU's instances. */
import path from "node:path";
import { privateDirectory } from "../../../../base/durable.ts";
import { EngineError } from "../../../../base/errors.ts";
import type { Ctx } from "../../../ctx.ts";
import type { DriverInstance } from "../../driver.ts";
import type { Block, Point, PointRequest, PointSupport } from "../../points.ts";
import type { LentDisk } from "../../running.ts";
import { throughDoor } from "../door.ts";
import { smallFiles } from "../files.ts";
import { findProgram, type Host, installHint } from "../host.ts";
import { lendDisk } from "../lend.ts";
import { diskSocketsOf, pointSocketOf } from "../monitor.ts";
import type { QmpClient } from "../qmp.ts";
import { removeCopies } from "./graph.ts";
import { type Live, openLive } from "./live.ts";
import { diskOf, openResting } from "./resting.ts";
import { endLeftover } from "./server.ts";
import { overwriteDisk, writeDisk } from "./write-disk.ts";

export class QemuPoints implements PointSupport {
  readonly #host: Host;
  readonly #qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>;

  constructor(host: Host, qemuImg: (ctx: Ctx, instance: DriverInstance) => Promise<string>) {
    this.#host = host;
    this.#qemuImg = qemuImg;
  }

  smallFiles(instance: DriverInstance): { name: string; file: string }[] {
    return smallFiles(instance).map((file) => ({ name: path.basename(file), file }));
  }

  async open(ctx: Ctx, instance: DriverInstance, request: PointRequest): Promise<Point> {
    const tools = await this.#tools(ctx, instance);
    await this.endLeftovers(instance);
    const sockets = diskSocketsOf(instance);
    const socketOf = (index: number) => sockets[index] ?? "";
    return openResting(ctx, instance, request, { ...tools, socketOf });
  }

  async openLive(
    ctx: Ctx,
    instance: DriverInstance,
    request: PointRequest,
    run: Pick<Live, "monitor" | "guest" | "plugged">,
  ): Promise<Point> {
    this.#refuseWindows(instance);
    const qemuImg = await this.#qemuImg(ctx, instance);
    return openLive(ctx, instance, request, { ...run, qemuImg, socket: pointSocketOf(instance) });
  }

  async write(
    ctx: Ctx,
    instance: DriverInstance,
    { id, sizeBytes }: { id: string; sizeBytes: number },
    blocks: AsyncIterable<Block>,
  ): Promise<void> {
    const tools = { ...(await this.#tools(ctx, instance)), socket: pointSocketOf(instance) };
    await endLeftover(tools.socket);
    await privateDirectory(instance.directory);
    await throughDoor(instance, (door) =>
      writeDisk({ ...tools, door }, { file: diskOf(instance, id).file, sizeBytes }, blocks, ctx.signal),
    );
  }

  async overwrite(
    ctx: Ctx,
    instance: DriverInstance,
    { id }: { id: string },
    blocks: AsyncIterable<Block>,
  ): Promise<void> {
    const tools = { ...(await this.#tools(ctx, instance)), socket: pointSocketOf(instance) };
    await endLeftover(tools.socket);
    await throughDoor(instance, (door) =>
      overwriteDisk({ ...tools, door }, diskOf(instance, id).file, blocks, ctx.signal),
    );
  }

  async lend(ctx: Ctx, instance: DriverInstance, monitor: QmpClient, disk: LentDisk): Promise<void> {
    this.#refuseWindows(instance);
    await lendDisk(ctx, instance, { qemuImg: await this.#qemuImg(ctx, instance), monitor }, disk);
  }

  /** Of an instance that does not run: what serves disks for an engine that has died would keep a QEMU from them. */
  async endLeftovers(instance: DriverInstance): Promise<void> {
    if (this.#host.platform === "win32") return;
    for (const socket of [...diskSocketsOf(instance), pointSocketOf(instance)]) await endLeftover(socket);
    await removeCopies(instance);
  }

  async #tools(ctx: Ctx, instance: DriverInstance) {
    this.#refuseWindows(instance);
    const { platform } = this.#host;
    const [qemuImg, qemuNbd] = await Promise.all([
      this.#qemuImg(ctx, instance),
      findProgram("qemu-nbd", platform),
    ]);
    if (qemuNbd === undefined) {
      const reason = `cannot read the disks of ${instance.name}: qemu-nbd is not installed`;
      throw new EngineError("missing-dependency", reason, { hint: installHint(platform, instance.arch) });
    }
    await privateDirectory(instance.runDirectory);
    return { qemuImg, qemuNbd };
  }

  /** There QEMU and Node have no private socket in common. */
  #refuseWindows({ name }: DriverInstance): void {
    if (this.#host.platform !== "win32") return;
    const reason = `cannot read the disks of ${name}: Windows has no socket that both QEMU and Berth know`;
    throw new EngineError("not-supported", reason);
  }
}
