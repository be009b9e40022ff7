/**
 * The tools for agents as the editor's language model tools, and the MCP server that offers the same to whatever else
 * speaks that. The tools themselves are loaded at their first use; the manifest, which is written from them, names them.
 */
import path from "node:path";
import * as vscode from "vscode";
import { LM_PREFIX } from "../agent/names.ts";
import { sandboxesIn } from "../agent/sandbox/record.ts";
import type { ToolContext } from "../agent/tool.ts";
import { type Disposable, DisposableStore } from "../base/disposable.ts";
import { currentPaths } from "../base/paths.ts";
import type { EngineMirror } from "../client/mirror.ts";
import { toSignal } from "./progress.ts";

export type AgentParts = {
  mirror: EngineMirror;
  platform: NodeJS.Platform;
  /** Absolute path of the bundles. */
  dist: string;
};

/** What of the manifest is looked at. */
type Manifest = { version: string; contributes: { languageModelTools: readonly { name: string }[] } };

const MCP_SETTING = "berth.publishMcpServer";

/** Some editors have no language models; what they lack is left out. */
export function registerAgentTools(
  { packageJSON }: { packageJSON: Manifest },
  parts: AgentParts,
): Disposable {
  const { version, contributes } = packageJSON;
  const store = new DisposableStore();
  const lm = vscode.lm as Partial<typeof vscode.lm> | undefined;
  if (lm?.registerTool)
    for (const { name } of contributes.languageModelTools)
      store.add(lm.registerTool(name, new AgentTool(parts, name)));
  if (lm?.registerMcpServerDefinitionProvider) {
    const changed = store.add(new vscode.EventEmitter<void>());
    store.add(
      vscode.workspace.onDidChangeConfiguration(
        (event) => event.affectsConfiguration(MCP_SETTING) && changed.fire(),
      ),
    );
    store.add(
      lm.registerMcpServerDefinitionProvider("berth", {
        onDidChangeMcpServerDefinitions: changed.event,
        provideMcpServerDefinitions: () => (published() ? [mcpServer(parts.dist, version)] : []),
      }),
    );
  }
  return store;
}

function published(): boolean {
  return vscode.workspace.getConfiguration().get<boolean>(MCP_SETTING, true);
}

/** Run by the editor's own Node, which needs no other on this host. */
function mcpServer(dist: string, version: string): vscode.McpStdioServerDefinition {
  const home = process.env["BERTH_HOME"];
  const env = { ELECTRON_RUN_AS_NODE: "1", ...(home ? { BERTH_HOME: home } : {}) };
  return new vscode.McpStdioServerDefinition(
    "Berth",
    process.execPath,
    [path.join(dist, "mcp.js")],
    env,
    version,
  );
}

const load = () => import("../agent/tools.ts");

class AgentTool implements vscode.LanguageModelTool<object> {
  readonly #parts: AgentParts;
  readonly #name: string;

  constructor(parts: AgentParts, name: string) {
    this.#parts = parts;
    this.#name = name.slice(LM_PREFIX.length);
  }

  /** What would fail anyway asks nobody first: it says so when it is run. */
  async prepareInvocation({
    input,
  }: vscode.LanguageModelToolInvocationPrepareOptions<object>): Promise<vscode.PreparedToolInvocation> {
    const { inputOf, toolNamed } = await load();
    const tool = toolNamed(this.#name);
    const invocationMessage = `Berth: ${tool.title}`;
    let question: string | undefined;
    try {
      question = tool.question?.(inputOf(tool, input));
    } catch {
      return { invocationMessage };
    }
    if (question === undefined) return { invocationMessage };
    const message = new vscode.MarkdownString().appendText(question);
    return { invocationMessage, confirmationMessages: { title: tool.title, message } };
  }

  async invoke(
    { input }: vscode.LanguageModelToolInvocationOptions<object>,
    token: vscode.CancellationToken,
  ): Promise<vscode.LanguageModelToolResult> {
    const { failureText, inputOf, runTool, toolNamed } = await load();
    const { mirror, platform } = this.#parts;
    const { signal, dispose } = toSignal(token);
    const context: ToolContext = {
      client: () => mirror.client(),
      signal,
      sandboxes: sandboxesIn(currentPaths()),
      platform,
    };
    try {
      const tool = toolNamed(this.#name);
      const text = await runTool(tool, inputOf(tool, input), context);
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
    } catch (error) {
      throw new Error(failureText(error), { cause: error });
    } finally {
      dispose();
    }
  }
}
