/** The primary instance: made where it is missing, with the user's home in it. */
import { homedir } from "node:os";
import type { LaunchSpec } from "../api/instance.ts";
import type { NewMount } from "../api/mount.ts";
import { HOME_MOUNT } from "../api/names.ts";
import { parseMount } from "../base/mount-text.ts";
import type { Limit, Session } from "./session.ts";

type How = { cold?: boolean; limit?: Limit | undefined };

/** Starts the instance; the primary one is launched where there is none. */
export async function bringUp(session: Session, name: string, { cold = false, limit }: How): Promise<void> {
  const { api } = await session.client();
  const known = (await api.instances.list()).items.find((item) => item.name === name);
  if (known || name !== (await session.primaryName())) {
    await session.operate(() => api.instances.start({ name, cold }), limit);
    return;
  }
  await launchNamed(session, { name, image: "default", mounts: await launchMounts(session, name) }, limit);
}

/** Launches it and tells what is there then. */
export async function launchNamed(session: Session, spec: LaunchSpec, limit?: Limit): Promise<void> {
  const { target } = await session.operate((api) => api.instances.launch(spec), limit);
  session.print(`Launched: ${target}${await placeOf(session, target)}`);
  const home = spec.mounts?.find((one) => one.target === HOME_MOUNT && one.source === homedir());
  if (home && target === (await session.primaryName()))
    session.print(`Mounted '${home.source}' into '${target}:${HOME_MOUNT}'`);
}

/** Multipass tells the zone. */
async function placeOf(session: Session, name: string): Promise<string> {
  if (session.dialect === "berth") return "";
  const { api } = await session.client();
  return ` in ${(await api.instances.get({ name })).zone.name}`;
}

/** What a launch mounts: what was asked for, and in the primary instance the user's home, where mounts are allowed. */
export async function launchMounts(
  session: Session,
  name: string | undefined,
  asked: readonly string[] = [],
): Promise<NewMount[]> {
  const wanted = asked.map((text) => parseMount(text, process.cwd()));
  if (name === undefined || name !== (await session.primaryName())) return wanted;
  const { api } = await session.client();
  if (!(await api.settings.get())["local.privileged-mounts"]) {
    session.note("Skipping mount due to disabled mounts feature");
    return wanted;
  }
  return [{ source: homedir(), target: HOME_MOUNT }, ...wanted];
}
