// What the person looks at: the selection that links all views, and how the panes stand.

import { create } from 'zustand';

import type { AgentId, HostId, TaskId, TaskPhase } from '../platform/types';

export type PaneName = 'graph' | 'timeline' | 'logs';
export type Overlay = 'palette' | 'settings' | 'export' | 'keys' | 'inbox' | 'review' | 'verification' | 'trees' | 'pull_request';

type View = {
  selectedTask: TaskId | null;
  selectedAgent: AgentId | null;
  /** While a host is selected, its tasks stand out and the inspector shows it. */
  selectedHost: HostId | null;
  /** Whether the logs pane is a terminal to type into; it belongs to the agent that is selected. */
  typing: boolean;
  inspectorOpen: boolean;
  maximised: PaneName | null;
  phaseFilter: TaskPhase[];
  overlay: Overlay | null;
  /** The attempt whose work is reviewed; none for the last one. */
  reviewAttempt: number | null;
  /** Raised to open the menu of agents from the keyboard. */
  reassignMenu: boolean;
  /** The highest number of a notice that was seen in the inbox. */
  seenNotice: number;
};

const FRESH: View = {
  selectedTask: null,
  selectedAgent: null,
  selectedHost: null,
  typing: false,
  inspectorOpen: true,
  maximised: null,
  phaseFilter: [],
  overlay: null,
  reviewAttempt: null,
  reassignMenu: false,
  seenNotice: 0,
};

export const useView = create<View>(() => FRESH);

/** Another agent's window is never typed into unasked. */
function agentNow(view: View, agent: AgentId | null): Pick<View, 'selectedAgent' | 'typing'> {
  return { selectedAgent: agent, typing: view.typing && agent === view.selectedAgent };
}

/** A task is selected with its agent, so that the logs follow. */
export function selectTask(task: TaskId | null, agent: AgentId | null = null): void {
  useView.setState((view) => ({
    selectedTask: task,
    ...agentNow(view, agent ?? (task === null ? null : view.selectedAgent)),
    selectedHost: null,
    reassignMenu: false,
  }));
}

/** An agent is selected with the task that it is at, if it is at one. */
export function selectAgent(agent: AgentId | null, task: TaskId | null = null): void {
  useView.setState((view) => ({
    ...agentNow(view, agent),
    selectedTask: task ?? view.selectedTask,
    selectedHost: task === null ? view.selectedHost : null,
  }));
}

/** A host is selected alone: the inspector has room for one thing. */
export function selectHost(host: HostId | null): void {
  useView.setState((view) => ({
    selectedHost: host,
    selectedTask: host === null ? view.selectedTask : null,
    inspectorOpen: view.inspectorOpen || host !== null,
    reassignMenu: false,
  }));
}

/** Turns the logs pane into a live terminal of the selected agent, or back. */
export function typeInto(typing: boolean): void {
  useView.setState({ typing });
}

export function openInspector(open: boolean): void {
  useView.setState({ inspectorOpen: open });
}

export function toggleMaximised(pane: PaneName): void {
  useView.setState((view) => ({ maximised: view.maximised === pane ? null : pane }));
}

export function togglePhase(phase: TaskPhase): void {
  useView.setState((view) => ({
    phaseFilter: view.phaseFilter.includes(phase)
      ? view.phaseFilter.filter((one) => one !== phase)
      : [...view.phaseFilter, phase],
  }));
}

export function showOverlay(overlay: Overlay | null): void {
  useView.setState({ overlay });
}

/** Opens the review of the selected task's work. */
export function openReview(attempt: number | null = null): void {
  useView.setState({ overlay: 'review', reviewAttempt: attempt });
}

export function openReassignMenu(open: boolean): void {
  useView.setState((view) => ({ reassignMenu: open, inspectorOpen: view.inspectorOpen || open }));
}

export function markSeen(notice: number): void {
  useView.setState((view) => ({ seenNotice: Math.max(view.seenNotice, notice) }));
}

/** Another run, another view. */
export function resetView(): void {
  useView.setState(FRESH);
}
