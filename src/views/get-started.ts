/** The walkthrough: from an empty sidebar to a folder that is open inside an instance. */
import * as vscode from "vscode";

/** `publisher.name#id`, as the manifest has them; a test holds it to that. */
export const WALKTHROUGH = "berth.berth#start";

export async function getStarted(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, false);
}
