/** An agent works in a sandbox, and what it did is reviewed and accepted: over a driver whose guests are directories here. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ImageEntry } from "../../src/api/image.ts";
import { startLocalEngine } from "../support/local-engine.ts";
import { Workbench } from "../support/workbench.ts";
import { Story, widenSidebar } from "./story.ts";

const FILE = "prices.py";
const BEFORE = `"""What a customer pays."""


def total(prices, discount=0):
    """The sum of the prices, less a discount in percent."""
    return sum(prices) - discount
`;
const TEST = `from prices import total

assert total([10, 20]) == 30
assert total([10, 20], discount=50) == 15
print("tests passed")
`;
const UBUNTU: ImageEntry = {
  ...{ reference: "24.04", remote: "release", aliases: ["default"], os: "Ubuntu", release: "24.04 LTS" },
  ...{ arch: "x86_64", version: "20261015", supported: true, cached: false },
};
const MEND = "s|sum(prices) - discount|sum(prices) * (1 - discount / 100)|";

export async function pictureSandbox(images: string): Promise<void> {
  const env = { BERTH_FAKE_IMAGES: JSON.stringify([UBUNTU]) };
  const workbench = await Workbench.start({ env });
  const engine = await startLocalEngine(workbench.berth);
  try {
    await writeFile(path.join(workbench.folder, FILE), BEFORE);
    await writeFile(path.join(workbench.folder, "test_prices.py"), TEST);
    await writeFile(path.join(workbench.home, ".bashrc"), "PS1='\\W$ '\n");
    const story = await Story.begin(workbench);
    await make(workbench, story);
    await work(workbench, story);
    await accept(workbench, story);
    await story.save(path.join(images, "sandbox.gif"));
  } catch (error) {
    await workbench.screenshot("pictures-sandbox-failed");
    throw error;
  } finally {
    await workbench.close();
    await engine.stop();
  }
}

async function make(workbench: Workbench, story: Story): Promise<void> {
  const { page } = workbench;
  await workbench.openView();
  await workbench.welcome("Launch…").waitFor();
  await widenSidebar(workbench, 420);
  await workbench.openFile(FILE);
  await page.keyboard.press("F1");
  await workbench.fill(">Berth: New Sandbox");
  const command = page.locator(".quick-input-list .monaco-list-row").first();
  await command.getByText("New Sandbox from This Folder").waitFor();
  await story.frame("A task for an agent: total() is wrong. Berth makes a sandbox of the folder", command);
  await command.click();
  const told = workbench.notification(/is a sandbox/);
  await told.waitFor({ timeout: 60_000 });
  await story.frame("An instance with a copy of the folder. It reaches nothing beyond itself", told);
  await workbench.command("Notifications: Clear All Notifications");
}

async function work(workbench: Workbench, story: Story): Promise<void> {
  const name = await sandboxName(workbench);
  await workbench.command("Terminal: Create New Terminal");
  await workbench.terminalShows(/project\$/);
  const inside = `berth exec ${name} -d ${path.basename(workbench.folder)} --`;
  await workbench.terminal(`${inside} sed -i '${MEND}' ${FILE}`, /prices\.py\s*project\$/);
  await workbench.terminal(`${inside} python3 test_prices.py`, /tests passed\s*project\$/);
  const terminal = workbench.page.locator(".part.panel");
  await story.frame("The agent works in there: here, by two commands. The file above is as it was", terminal);
  await workbench.command("View: Toggle Panel Visibility");
}

async function accept(workbench: Workbench, story: Story): Promise<void> {
  const { page, folder } = workbench;
  await workbench.command("Berth: Review Changes of a Sandbox…");
  const question = workbench.notification(/Make these changes in/);
  await question.waitFor();
  await page.mouse.move(700, 500); // A hover would hide the text.
  await page.locator(".multiDiffEntry", { hasText: FILE }).first().waitFor();
  await story.frame(
    "Review Changes: everything that was changed, in one editor",
    page.locator(".part.editor"),
  );
  await question.getByRole("button", { name: "Accept…" }).click();
  const dialog = page.locator(".monaco-dialog-box");
  await dialog.waitFor();
  await story.frame("Accepting is all or nothing, and asks first", dialog);
  await workbench.answer("Accept");
  await workbench.notification(/Accepted from/).waitFor();
  const text = await readFile(path.join(folder, FILE), "utf8");
  if (!text.includes("1 - discount / 100")) throw new Error(`${FILE} is not as it was accepted: ${text}`);
  await workbench.openFile(FILE);
  const line = page.locator(".view-line", { hasText: "return" }).first();
  await line.getByText("100").first().waitFor();
  await story.frame("Accepted: the folder has it, and the sandbox can go", line);
}

async function sandboxName({ berth }: Workbench): Promise<string> {
  const [name = ""] = await readdir(path.join(berth.home, "guests"));
  return name;
}
