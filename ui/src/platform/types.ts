// The shapes that travel between the window and the program behind it.
//
// They mirror the Rust types of `crates/api` one to one. Everything in the window imports them
// from here, so that the generated bindings can take this file's place by one line.

export type TaskId = string;
export type AgentId = string;
export type HostId = string;
export type Kind = string;
/** RFC 3339 in UTC. */
export type Timestamp = string;

export type TaskPhase =
  | 'pending'
  | 'ready'
  | 'offered'
  | 'running'
  | 'checking'
  | 'back_off'
  | 'completed'
  | 'failed'
  | 'cancelled';

export type RunPhase = 'planned' | 'running' | 'paused' | 'completed' | 'failed' | 'stuck' | 'cancelled';

export type FailureCause =
  | 'agent_failed'
  | 'missing_output'
  | 'acceptance_failed'
  | 'time_limit'
  | 'agent_gone'
  | 'gave_up'
  | 'not_started'
  | 'cancelled'
  | 'reassigned';

export type TaskStatus = 'PENDING' | 'READY' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
export type AgentStatus = 'IDLE' | 'BUSY' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
export type RunnerKind = 'claude' | 'codex' | 'command' | 'external' | 'rehearsal';
export type TransportKind = 'local' | 'ssh';
export type Severity = 'error' | 'warning';
export type ReportFormat = 'markdown' | 'html' | 'json';

export type WaitReason =
  | { reason: 'need'; tasks: TaskId[] }
  | { reason: 'agent'; agent: AgentId; task: TaskId | null }
  | { reason: 'kind'; kind: Kind }
  | { reason: 'host'; host: HostId }
  | { reason: 'capacity'; host: HostId | null; limit: number }
  | { reason: 'budget' }
  | { reason: 'approval' }
  | { reason: 'back_off'; until_seconds: number; attempt: number }
  | { reason: 'wave'; wave: number }
  | { reason: 'pause' }
  | { reason: 'ended' };

export type Choice = { follow_waves: boolean; drop_conflicting_edges: boolean };
export type Edge = { need: TaskId; task: TaskId };

export type Slot = {
  task: TaskId;
  agent: AgentId;
  host: HostId;
  start_seconds: number;
  end_seconds: number;
  level: number;
  critical: boolean;
};

export type Forecast = {
  choice: Choice;
  levels: number;
  critical_path: TaskId[];
  critical_path_seconds: number;
  lower_bound_seconds: number;
  expected_seconds: number;
  one_agent_seconds: number;
  dropped_edges: Edge[];
  slots: Slot[];
};

export type Point = { x: number; y: number };

export type CheckResult = { run: string[]; passed: boolean; ended: string; millis: number; tail: string };

export type EvidenceReport = {
  missing: string[];
  unchanged: string[];
  changed: string[];
  checks: CheckResult[];
  problem: string | null;
};

export type AttemptView = {
  number: number;
  agent: AgentId;
  assigned_at: Timestamp;
  started_at: Timestamp | null;
  ended_at: Timestamp | null;
  cause: FailureCause | null;
  error: string | null;
  output_files: string[];
  evidence: EvidenceReport | null;
};

export type TaskView = {
  id: TaskId;
  title: string;
  prompt: string;
  module: string;
  kind: Kind;
  agent: AgentId;
  planned_agent: AgentId;
  host: HostId | null;
  needs: TaskId[];
  priority: number;
  estimated_seconds: number;
  wave: number | null;
  level: number;
  critical: boolean;
  outputs: string[];
  acceptance: string[][];
  retries: number;
  time_limit_seconds: number;
  status: TaskStatus;
  phase: TaskPhase;
  progress: number;
  waiting: WaitReason[];
  started_at: Timestamp | null;
  completed_at: Timestamp | null;
  error: string | null;
  attempts: AttemptView[];
  planned_start_seconds: number;
  planned_end_seconds: number;
  position: Point;
};

export type AgentView = {
  id: AgentId;
  kind: Kind;
  title: string;
  host: HostId;
  runner: RunnerKind;
  status: AgentStatus | null;
  task: TaskId | null;
  progress: number;
  updated_at: Timestamp | null;
  window: string;
  pid: number | null;
  draining: boolean;
  problem: string | null;
};

export type Load = {
  load_1m: number;
  cpus: number;
  memory_total_mib: number;
  memory_free_mib: number;
  disk_free_mib: number;
};

export type HostView = {
  id: HostId;
  title: string;
  transport: TransportKind;
  capacity: number;
  running: number;
  connected: boolean;
  load: Load | null;
  problem: string | null;
};

export type NoticeKind =
  | 'attempt_failed'
  | 'task_failed'
  | 'run_stuck'
  | 'run_completed'
  | 'run_failed'
  | 'bad_status'
  | 'queue_edit_undone'
  | 'queue_edit_followed'
  | 'late_claim'
  | 'agent_joined'
  | 'agent_problem'
  | 'state_problem'
  | 'host_lost';

export type Notice = {
  id: number;
  at: Timestamp;
  kind: NoticeKind;
  task: TaskId | null;
  agent: AgentId | null;
  detail: string;
  blocks: number;
};

export type RunView = {
  run_id: string;
  name: string;
  title: string;
  phase: RunPhase;
  rehearsal_speed: number | null;
  choice: Choice;
  state_dir: string;
  session: string;
  work_folder: string;
  started_at: Timestamp | null;
  ended_at: Timestamp | null;
  now: Timestamp;
  progress: number;
  completed: number;
  failed: number;
  running: number;
  total: number;
  forecast: Forecast;
  stuck: string[];
};

export type RunSnapshot = {
  revision: number;
  run: RunView;
  tasks: TaskView[];
  agents: AgentView[];
  hosts: HostView[];
  notices: Notice[];
};

export type RunPatch = {
  revision: number;
  run: RunView;
  tasks: TaskView[];
  agents: AgentView[];
  hosts: HostView[];
  notices: Notice[];
};

export type Event = { event: 'changed'; value: RunPatch } | { event: 'notice'; value: Notice };

export type Place = { file: string; path: string; line: number | null };
export type Finding = { severity: Severity; code: string; place: Place; message: string; remedy: string };

export type ChoiceView = {
  choice: Choice;
  levels: number;
  expected_seconds: number;
  lower_bound_seconds: number;
  dropped_edges: number;
};

export type RunSummary = {
  run_id: string;
  title: string;
  state_dir: string;
  created_at: Timestamp;
  phase: RunPhase;
  completed: number;
  total: number;
  rehearsal_speed: number | null;
  alive: boolean;
};

export type PlanView = {
  path: string;
  findings: Finding[];
  hash: string;
  holds_commands: boolean;
  trusted: boolean;
  obstacles: string[];
  choices: ChoiceView[];
  preview: RunSnapshot | null;
  unfinished: RunSummary | null;
};

export type StartOptions = {
  plan: string | null;
  state_dir: string | null;
  rehearse: number | null;
  external: boolean;
  choice: Choice;
  new_run: boolean;
  resume: boolean;
  trust: boolean;
};

export type Started = { run_id: string; state_dir: string; session: string };

export type DoctorLine = { name: string; ok: boolean; required: boolean; found: string; remedy: string };

export type ErrorCode =
  | 'bad_plan'
  | 'bad_input'
  | 'conflict'
  | 'needs_confirmation'
  | 'needs_trust'
  | 'held'
  | 'unfinished'
  | 'no_run'
  | 'environment'
  | 'disconnected'
  | 'internal';

export type ApiError = { code: ErrorCode; message: string; hints: string[]; findings: Finding[] };
