// What the window may ask of the world outside it. Nothing else in the window reaches out.

import type {
  AgentId,
  ApiError,
  ApprovalAnswer,
  ApprovalScope,
  BackendState,
  Choice,
  DoctorLine,
  Event,
  GoalPlan,
  HandOver,
  HostAnswer,
  HostId,
  HostTest,
  InitialTarget,
  KeptTrees,
  Language,
  Moment,
  NewHost,
  NewPullRequest,
  PlanView,
  PromptPlan,
  PullRequest,
  ReportFormat,
  ReviewComment,
  RunSnapshot,
  RunSummary,
  StartOptions,
  Started,
  TaskDiff,
  TaskId,
  TerminalSize,
  TestHost,
} from './types';

export type Unsubscribe = () => void;

/** A log that is being followed. */
export type LogStream = {
  /** Allows so many more bytes; called as the terminal has drawn what came. */
  addCredit: (bytes: number) => void;
  close: () => void;
};

/** An agent's tmux window that a person types into. */
export type TerminalStream = {
  type: (text: string) => void;
  resize: (size: TerminalSize) => void;
  /** Allows so many more bytes; called as the terminal has drawn what came. */
  addCredit: (bytes: number) => void;
  close: () => void;
};

/** What a terminal tells the window. */
export type TerminalListener = {
  onBytes: (bytes: Uint8Array) => void;
  /** It is over, for this reason; said once, and nothing after it. */
  onEnd: (why: string) => void;
};

/** Every method that returns a promise rejects with an {@link ApiError}. */
export interface Platform {
  inspectPlan(path: string, choice: Choice, rehearse: number | null, stateDir: string | null): Promise<PlanView>;
  startRun(options: StartOptions): Promise<Started>;
  listRuns(): Promise<RunSummary[]>;
  /** The whole run; from then on its events come by {@link Platform.onRunEvent}. */
  openRun(stateDir: string): Promise<RunSnapshot>;
  closeRun(): Promise<void>;
  onRunEvent(callback: (event: Event) => void): Unsubscribe;
  onBackendState(callback: (state: BackendState) => void): Unsubscribe;

  pause(): Promise<void>;
  resume(): Promise<void>;
  cancelRun(): Promise<void>;
  stopAll(): Promise<void>;
  cancelTask(task: TaskId): Promise<void>;
  retryTask(task: TaskId): Promise<void>;
  reassign(task: TaskId, agent: AgentId, stopRunning: boolean, acrossKinds: boolean, packet: string | null): Promise<void>;
  /** What would move with a task to another agent. */
  handOver(task: TaskId, agent: AgentId): Promise<HandOver>;

  /** Of all files, long ones left out, or of one file whole; of the last attempt when none is named. */
  taskDiff(task: TaskId, attempt: number | null, file: string | null): Promise<TaskDiff>;
  accept(task: TaskId): Promise<void>;
  sendBack(task: TaskId, comments: ReviewComment[]): Promise<void>;
  /** Ends a merge task with a commit of the person's own. */
  takeCommit(task: TaskId, revision: string): Promise<void>;
  verifyAgain(): Promise<void>;
  /** Every moment of the open run so far. */
  history(): Promise<Moment[]>;
  snapshotAt(seq: number): Promise<RunSnapshot>;
  keptTrees(): Promise<KeptTrees>;
  /** Answers what is left. */
  removeTrees(branches: string[]): Promise<KeptTrees>;
  openPullRequest(request: NewPullRequest): Promise<PullRequest>;

  /** Answers a request for permission by its number in the inbox. */
  answer(number: number, answer: ApprovalAnswer, scope: ApprovalScope): Promise<void>;
  raiseBudget(number: number, limitUsd: number): Promise<void>;
  /** Says something to an agent at its work. */
  say(agent: AgentId, text: string): Promise<void>;

  /** Answers what a host asks before it can be reached, or has it tried now. */
  answerHost(host: HostId, answer: HostAnswer): Promise<void>;
  /** Runs the tasks of a lost host elsewhere. */
  giveUpHost(host: HostId): Promise<void>;
  /** The names that `~/.ssh/config` knows. */
  sshNames(): Promise<string[]>;
  /** Tries a host out, or goes on with the answer to what it asked. */
  testHost(test: TestHost): Promise<HostTest>;
  /** Writes a host into a plan; answers the file. */
  addHost(plan: string, host: NewHost): Promise<string>;

  /** Makes a plan of one task; answers its folder. */
  promptPlan(plan: PromptPlan): Promise<string>;
  /** Makes the plan whose run drafts a plan; answers its folder. */
  goalPlan(plan: GoalPlan): Promise<string>;

  /** No agent means the orchestrator's own log. */
  followLog(
    agent: AgentId | null,
    offset: number,
    onBytes: (bytes: Uint8Array, offset: number) => void,
  ): Promise<LogStream>;

  /** Opens an agent's tmux window, wherever it is, to be typed into. */
  openTerminal(agent: AgentId, size: TerminalSize, listener: TerminalListener): Promise<TerminalStream>;

  /** Of a plan, or of none. */
  doctor(plan: string | null, stateDir: string | null): Promise<DoctorLine[]>;
  /** Asks where by a native dialog; answers the path, or null when the person cancelled. */
  exportReport(format: ReportFormat): Promise<string | null>;
  /** Asks by a native dialog; answers the path, or null when the person cancelled. */
  choosePlan(): Promise<string | null>;
  /** Asks by a native dialog; answers the path, or null when the person cancelled. */
  chooseFolder(): Promise<string | null>;

  setNotifications(enabled: boolean): Promise<void>;
  setLanguage(language: Language): Promise<void>;
  initialTarget(): Promise<InitialTarget>;
  /** A native notification was clicked. */
  onFocusTask(callback: (task: TaskId) => void): Unsubscribe;
}

/** Whatever was thrown, as an {@link ApiError}. */
export function asApiError(thrown: unknown): ApiError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    const error = thrown as Partial<ApiError> & Pick<ApiError, 'code'>;
    return {
      code: error.code,
      message: String(error.message),
      hints: error.hints ?? [],
      findings: error.findings ?? [],
    };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'internal', message, hints: [], findings: [] };
}
