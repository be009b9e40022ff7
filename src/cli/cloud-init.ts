/** cloud-init: how the first boot of a guest has gone. */
import type { Command } from "commander";
import { EngineError } from "../base/errors.ts";
import { withoutControls } from "../base/plain-text.ts";
import { json } from "./format.ts";
import { formatOption } from "./options.ts";
import type { Session } from "./session.ts";

export function addCloudInitCommands(program: Command, session: Session): void {
  const group = program.command("cloud-init").description("How an instance's first boot has gone");
  formatOption(
    group
      .command("status")
      .description("Tell whether it ended well")
      .argument("<name>", "a running instance"),
  ).action(async (name: string, { format }: { format: "table" | "json" }) => {
    const { api } = await session.client();
    const instance = await api.instances.get({ name });
    if (instance.state !== "running") {
      throw new EngineError("wrong-state", `cannot ask ${name}: instance "${name}" is not running`, {
        hint: `Start it: berth start ${name}`,
      });
    }
    const { cloudInit } = await api.instances.details({ name });
    const status = cloudInit?.status ?? (instance.ready ? "absent" : "running");
    const errors = cloudInit?.errors ?? [];
    if (format === "json") session.print(json({ status, errors }));
    else
      session.print(
        [`status: ${status}`, ...errors.map((one) => `error: ${withoutControls(one)}`)].join("\n"),
      );
    if (status === "error") session.exitCode = 2;
  });
  group
    .command("log")
    .description("Show the end of its output")
    .argument("<name>", "a running instance")
    .action(async (name: string) => {
      const { api } = await session.client();
      session.print(withoutControls((await api.instances.log({ name, source: "cloud-init" })).text));
    });
}
