// The wire types of protocol/src/api that the pages read. Not served.
export type ActivityState = 'starting' | 'ready' | 'busy' | 'blocked' | 'exited' | 'unknown';
export interface DialogOption { label: string; description?: string }
export interface Dialog { id: string; kind: 'approval' | 'trust' | 'login' | 'question'; header?: string; question: string; options: DialogOption[]; selected?: number }
export interface Activity { state: ActivityState; dialog?: Dialog; source: string; detail: string; since: string }
export interface Session {
  name: string; agent: string; cwd: string; cwdDisplay: string; flags?: string; defaultFlags: string;
  env?: Record<string, string>; defaultEnv: Record<string, string>; resumeFrom?: string; externalSessionId?: string;
  resumeFromTitle?: string; boundConversationId?: string; boundConversationTitle?: string; boundBy?: string; conversationCount?: number; hasHistory?: boolean;
  initPrompts?: string[]; createdAt: string; parent: string | null; status: 'running' | 'exited'; state: 'running' | 'exited';
  exit?: { code?: number; at: string }; size?: [number, number]; attached: number; viewers?: number; activity?: Activity; warnings?: string[];
}
export interface Stages { started?: number; submitted?: number; accepted?: number; firstOutput?: number; ended?: number }
export interface Turn {
  id: string; session: string; agent: string;
  state: 'queued' | 'submitting' | 'running' | 'blocked' | 'ended' | 'failed' | 'refused' | 'unsubmitted' | 'timeout' | 'cancelled' | 'session_gone' | 'unknown';
  place?: number; origin: string; prompt: { bytes: number; head: string }; queuedAt: string; stages: Stages;
  evidence: { step: string; source: string; detail: string }[]; reply?: { text: string }; dialog?: Dialog; error?: { code: string; message: string; hint?: string };
}
export interface Agent { key: string; displayName: string; cmd: string; flags: string; envDefaults: Record<string, string>; installed: boolean; builtin?: boolean; installHint: string; docsUrl: string; hasHistory?: boolean }
export interface Conversation { id: string; title: string; startedAt: string; lastMessageAt: string; messageCount: number }
export interface Found { agent: string; id: string; title?: string; role: string; snippet: string }
export type Action = "watch" | "type" | "prompt" | "answer" | "manage" | "admin";
export interface Me { role?: string; username: string | null; name?: string; admin: boolean; actions?: Action[] }
export interface Token { id: string; username: string; name: string; createdAt: string; expiresAt?: string; lastUsedAt?: string }
export interface Settings {
  host: string; configSource: string | null; yamlText: string; overlayPath: string; overlayText: string; overlayActive: boolean; stateDir: string; tmuxAvailable: boolean;
  port: number | null; listenHost: string | null; env: Record<string, string | null>; turnq: { enabled: boolean; url: string | null; mode: string; maxHoldMs: number | null };
  daemonInitPrompts: string[]; warnings: string[];
}
export interface PushWish { blocked: boolean; ended: boolean }
export interface Push { enabled: boolean; publicKey: string; subscribed: PushWish | null }
export interface LogEntry { id?: string; ts: string; level: string; text: string }
export type Part = { kind: 'text'; text: string } | { kind: 'tool_use'; id?: string; name: string; input: unknown } | { kind: 'tool_result'; forId?: string; text: string; isError?: boolean };
export interface TranscriptTurn { id: string; role: 'user' | 'assistant' | 'tool' | 'system'; ts?: string; parts: Part[] }
export interface Holder { kind: 'tmux' | 'viewer'; you?: boolean; who?: string }
